import { SnakedenError } from "../../errors.ts";

/**
 * Refuses what HTTP requires a server to refuse rather than ignore: transfer codings that it cannot
 * decode, and expectations that it cannot meet.
 *
 * @throws {SnakedenError} `not_implemented` or `expectation_failed`.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.1
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 */
export function checkFraming(headers: Headers): void {
  const coding = headers.get("transfer-encoding");
  if (coding !== null && coding.trim().toLowerCase() !== "chunked") {
    throw new SnakedenError(
      "not_implemented",
      `Cannot read a body with transfer-encoding ${JSON.stringify(coding)}; only chunked is known`,
      { details: { given: coding, accepted: ["chunked"] } },
    );
  }
  const expectation = headers.get("expect");
  if (expectation !== null && expectation.trim().toLowerCase() !== "100-continue") {
    throw new SnakedenError(
      "expectation_failed",
      `Cannot meet the expectation ${JSON.stringify(expectation)}; only 100-continue is known`,
      { details: { given: expectation, accepted: ["100-continue"] } },
    );
  }
}
