import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";

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
 * Returns the values of a query by their names.
 *
 * @throws {InvalidInputError} `invalid_input` for fields that are unknown, or given twice.
 */
export function onceEach<Name extends string>(
  query: Readonly<Record<string, readonly string[]>>,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const issues = Object.entries(query).flatMap(([path, values]): FieldIssue[] => {
    if (!known.some((it) => it === path)) {
      return [{ path, message: `unknown field of the query; allowed: ${known.join(", ")}` }];
    }
    return values.length > 1 ? [{ path, message: "given twice in the query" }] : [];
  });
  if (issues.length > 0) throw invalidBody(issues);
  return Object.fromEntries(
    Object.entries(query).map(([name, [value]]) => [name, value]),
  ) as Partial<Record<Name, string>>;
}
