import { shownValue } from "../../calls/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import type { Traffic } from "../calls/mod.ts";

/** The issues that are listed; a body can have many thousands. */
export const MAX_ISSUES = 20;

/** Returns the issues of keys that a body does not have: all, or more than are listed. */
export function unknownFields(
  body: object,
  known: readonly string[],
  prefix = "",
): FieldIssue[] {
  const unknown = Object.keys(body).filter((key) => !known.includes(key));
  return unknown.slice(0, MAX_ISSUES + 1).map((key) => ({
    path: `${prefix}${key}`,
    message: `unknown key; ${suggestion(key, known)}`,
  }));
}

/** Returns the error for a body that is wrong in these fields. */
export function invalidBody(issues: readonly FieldIssue[]): InvalidInputError {
  const listed = issues.slice(0, MAX_ISSUES);
  if (listed.length < issues.length) {
    listed.push({ path: "", message: `more is wrong; the first ${MAX_ISSUES} are listed` });
  }
  const list = listed.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot take the request: ${list.join("; ")}`, listed);
}

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
