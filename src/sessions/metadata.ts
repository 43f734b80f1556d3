import { shownValue } from "../calls/mod.ts";
import { type FieldIssue, messageOf } from "../errors.ts";
import { isRecord } from "../json/mod.ts";

const OBJECT = "an object of JSON";
const VALUES = "values of JSON, with integers from -(2^53 - 1) to 2^53 - 1";
/** The depth to which the place of an error is looked for. */
const MAX_DEPTH = 200;

/** Returns metadata as JSON, or what is wrong with it. */
export function metadataJson(
  metadata: unknown,
): { readonly text: string } | { readonly issue: FieldIssue } {
  const path = "metadata";
  if (!isRecord(metadata)) {
    return { issue: { path, message: `given ${shownValue(metadata)}; allowed: ${OBJECT}` } };
  }
  try {
    const text: string | undefined = JSON.stringify(metadata);
    if (text?.startsWith("{")) return { text };
    return { issue: { path, message: `given an object with toJSON(); allowed: ${OBJECT}` } };
  } catch (error) {
    const reason = `given an object for which JSON.stringify() throws: ${messageOf(error)}`;
    const issue = unwritable(metadata, path, []);
    return { issue: issue ?? { path, message: `${reason}; allowed: ${OBJECT}` } };
  }
}

/** Returns the issue of the first bigint, or of the first object that holds itself. */
function unwritable(
  value: unknown,
  path: string,
  holders: readonly object[],
): FieldIssue | undefined {
  // An integer of a request that no double can hold is one too.
  if (typeof value === "bigint") {
    const text = String(value);
    const given = text.length > 60 ? `a bigint of ${text.length} characters` : `the bigint ${text}`;
    return { path, message: `given ${given}; allowed: ${VALUES}` };
  }
  if (typeof value !== "object" || value === null || holders.length > MAX_DEPTH) return undefined;
  if (holders.includes(value)) {
    return { path, message: `given an object that holds itself; allowed: ${VALUES}` };
  }
  for (const [key, item] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    const issue = unwritable(item, at, [...holders, value]);
    if (issue !== undefined) return issue;
  }
  return undefined;
}
