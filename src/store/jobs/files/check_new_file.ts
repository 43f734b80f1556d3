import { type FieldIssue, InvalidInputError } from "../../../errors.ts";
import { isSessionId, SESSION_ID_RULE } from "../../../session_id.ts";
import { isBlobHash } from "../../blobs/mod.ts";
import { MAX_TTL_MS } from "../../session_row.ts";
import type { NewFile } from "./file_store.ts";

/** The longest name of a file, in characters. */
export const MAX_FILE_NAME = 255;

/**
 * Refuses a file that no store can keep. Every driver calls it first.
 *
 * @throws {InvalidInputError} Naming each field that is not allowed.
 */
export function checkNewFile({ id, name, mediaType, bytes, sha256, kept }: NewFile): void {
  const issues: FieldIssue[] = [];
  const check = (path: string, isGood: boolean, given: unknown, allowed: string): void => {
    if (isGood) return;
    const text = JSON.stringify(given) ?? String(given);
    const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text;
    issues.push({ path, message: `given ${shown}; allowed: ${allowed}` });
  };
  check("id", isSessionId(id), id, SESSION_ID_RULE);
  const text = `1 to ${MAX_FILE_NAME} characters of Unicode, without control characters`;
  check("name", isText(name), name, text);
  check("mediaType", mediaType === undefined || isText(mediaType), mediaType, text);
  check("sha256", isBlobHash(sha256), sha256, "64 hexadecimal digits, lower case");
  check("bytes", isWhole(bytes, 0, Number.MAX_SAFE_INTEGER), bytes, "a whole number from 0");
  if ("job" in kept) check("kept.job", isSessionId(kept.job), kept.job, SESSION_ID_RULE);
  else {
    const allowed = `a whole number from 1 to ${MAX_TTL_MS}`;
    check("kept.ttlMs", isWhole(kept.ttlMs, 1, MAX_TTL_MS), kept.ttlMs, allowed);
  }
  const [first] = issues;
  if (first === undefined) return;
  throw new InvalidInputError(`Cannot add the file: ${first.path}: ${first.message}`, issues);
}

function isText(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return text.length > 0 && text.length <= MAX_FILE_NAME && !/[\0-\x1f\x7f]/.test(text) &&
    text.isWellFormed();
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}
