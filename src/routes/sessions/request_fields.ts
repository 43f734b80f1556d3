import { shownValue } from "../../calls/mod.ts";
import { isRecord } from "../../json/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import { invalidBody, unknownFields } from "../schema/mod.ts";

/**
 * Returns the fields of a small body that is an object with these keys; with `isOptional`, none if
 * there is no body, or an empty one.
 *
 * @throws {SnakedenError} `invalid_input`, and what {@link Traffic.readSmall} throws.
 */
export async function readFields(
  request: Request,
  { traffic, known, maxBytes, isOptional = false }: {
    readonly traffic: Traffic;
    readonly known: readonly string[];
    /** The longest body; see {@link Traffic.readSmall}. */
    readonly maxBytes?: number;
    readonly isOptional?: boolean;
  },
): Promise<Record<string, unknown>> {
  const body = isOptional
    ? await traffic.readOptional(request, maxBytes)
    : await traffic.readSmall(request, maxBytes);
  if (isOptional && body === undefined) return {};
  if (!isRecord(body)) {
    const message = `given ${shownValue(body)}; allowed: an object of JSON`;
    throw invalidBody([{ path: "", message }]);
  }
  const issues = unknownFields(body, known);
  if (issues.length > 0) throw invalidBody(issues);
  return body;
}
