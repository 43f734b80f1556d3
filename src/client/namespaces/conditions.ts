import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";

/**
 * Returns the header that makes a write depend on a version; 0 stands for none that exists.
 *
 * @throws {InvalidInputError} If the version is no whole number.
 */
export function conditionOf(action: string, ifVersion: number | undefined): Record<string, string> {
  if (ifVersion === undefined) return {};
  if (ifVersion === 0) return { "if-none-match": "*" };
  if (Number.isSafeInteger(ifVersion) && ifVersion > 0) return { "if-match": `"${ifVersion}"` };
  throw invalid(action, {
    path: "ifVersion",
    message: `given ${String(ifVersion)}; allowed: a whole number from 0 on`,
  });
}

/** Returns the error of a call that is wrong in this field, before anything is sent. */
export function invalid(action: string, issue: FieldIssue): InvalidInputError {
  const text = issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`;
  return new InvalidInputError(`Cannot ${action}: ${text}`, [issue]);
}

/**
 * Returns a part of a path.
 *
 * @throws {InvalidInputError} For a name that no path can hold, which nothing has.
 */
export function pathPart(action: string, path: string, name: unknown): string {
  if (typeof name === "string" && NAME.test(name)) return encodeURIComponent(name);
  const given = isRecord(name) ? "an object" : JSON.stringify(String(name).slice(0, 60));
  const message = `given ${given}; allowed: 1 to 128 letters, digits or . _ : -`;
  throw invalid(action, { path, message });
}

/** A dot alone, or two, would be another path. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;
