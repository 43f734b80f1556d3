import { createHash, timingSafeEqual } from "node:crypto";
import { SnakedenError } from "../../errors.ts";

/**
 * Refuses a request without the right API key.
 *
 * @throws {SnakedenError} `unauthenticated`.
 */
export type ApiKeyCheck = (headers: Headers) => void;

/**
 * Returns the check for `apiKey`. It compares digests, so that the time it takes reveals neither
 * the key nor its length.
 */
export function apiKeyCheck(apiKey: string): ApiKeyCheck {
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  const expected = digest(apiKey);
  return (headers) => {
    const given = givenKey(headers);
    if (given === undefined) {
      throw new SnakedenError(
        "unauthenticated",
        "Cannot take the request: it brings no API key; " +
          "send it as `authorization: Bearer KEY` or `x-api-key: KEY`",
      );
    }
    if (!timingSafeEqual(digest(given), expected)) {
      throw new SnakedenError("unauthenticated", "Cannot take the request: the API key is wrong");
    }
  };
}

function givenKey(headers: Headers): string | undefined {
  const [, bearer] = /^bearer +(.+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return bearer ?? headers.get("x-api-key") ?? undefined;
}
