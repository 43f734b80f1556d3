import { Buffer } from "node:buffer";
import { type FieldIssue, messageOf } from "../../errors.ts";
import { JOB_LIMITS, type JsonObject } from "../../store/mod.ts";

/** The most levels of metadata. */
const MAX_DEPTH = 100;

/** Returns the reason why metadata cannot be kept; undefined if it can. */
export function metadataIssue(metadata: JsonObject): FieldIssue | undefined {
  for (const _ in metadata) return issueOf(metadata);
  return undefined;
}

function issueOf(metadata: JsonObject): FieldIssue | undefined {
  const path = "metadata";
  const found = unwritable(metadata, path, MAX_DEPTH);
  if (found !== undefined) return found;
  try {
    const bytes = Buffer.byteLength(JSON.stringify(metadata));
    if (bytes <= JOB_LIMITS.jsonBytes) return undefined;
    const message = `given ${bytes} bytes of JSON; allowed: at most ${JOB_LIMITS.jsonBytes} bytes`;
    return { path, message };
  } catch (error) {
    const reason = `given an object for which JSON.stringify() throws: ${messageOf(error)}`;
    return { path, message: `${reason}; allowed: an object of JSON` };
  }
}

/** Returns the issue of the first bigint, or of what is nested too deep. */
function unwritable(value: unknown, path: string, levels: number): FieldIssue | undefined {
  // An integer of a request that no double can hold is a bigint too.
  if (typeof value === "bigint") {
    const allowed = "values of JSON, with integers from -(2^53 - 1) to 2^53 - 1";
    return { path, message: `given an integer that a double cannot hold; allowed: ${allowed}` };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) {
    const message = `given more than ${MAX_DEPTH} levels; allowed: at most ${MAX_DEPTH}`;
    return { path: "metadata", message };
  }
  for (const [key, item] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    const issue = unwritable(item, at, levels - 1);
    if (issue !== undefined) return issue;
  }
  return undefined;
}
