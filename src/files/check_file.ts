import { Buffer } from "node:buffer";
import { basename } from "node:path";
import { shownValue } from "../config/mod.ts";
import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import { MAX_FILE_NAME, MAX_TTL_MS } from "../store/mod.ts";
import type { FileListOptions, FileSource, StoreFileOptions } from "./file.ts";
import { refusedFile } from "./file_errors.ts";

const OPTIONS = [
  "name",
  "mediaType",
  "ttlMs",
  "sha256",
  "signal",
  "bytes",
  "job",
  "move",
] as const satisfies readonly (keyof StoreFileOptions)[];

const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[ \t]*;[ -~]*)?$/;
const SHA256 = /^[0-9a-f]{64}$/i;
/** The name of a file that has none. */
const DEFAULT_NAME = "file";

/** Options that were checked, with those that follow from the source. */
export interface CheckedOptions extends Omit<StoreFileOptions, "name"> {
  readonly name: string;
}

/**
 * Checks the options of a file, and takes its name and length from the source if they do not have
 * them.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkedOptions(source: FileSource, options: StoreFileOptions): CheckedOptions {
  const issues: FieldIssue[] = Object.keys(options)
    .filter((key) => !OPTIONS.some((it) => it === key))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, OPTIONS)}` }));
  const check = (path: string, isGood: boolean, given: unknown, allowed: string): void => {
    if (!isGood) issues.push({ path, message: `given ${shownValue(given)}; allowed: ${allowed}` });
  };
  const { name = defaultName(source), mediaType = typeOf(source), ttlMs, sha256, job } = options;
  check("name", isFileName(name), name, FILE_NAME_RULE);
  if (mediaType !== undefined) {
    const isGood = typeof mediaType === "string" && mediaType.length <= MAX_FILE_NAME &&
      MEDIA_TYPE.test(mediaType);
    const allowed = `a media type, such as text/csv, of at most ${MAX_FILE_NAME} characters`;
    check("mediaType", isGood, mediaType, allowed);
  }
  if (ttlMs !== undefined) {
    const isGood = Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS &&
      job === undefined;
    const allowed = `a whole number from 1 to ${MAX_TTL_MS}, without a job`;
    check("ttlMs", isGood, ttlMs, allowed);
  }
  if (sha256 !== undefined) {
    const isGood = typeof sha256 === "string" && SHA256.test(sha256);
    check("sha256", isGood, sha256, "64 hexadecimal digits");
  }
  if (issues.length > 0) throw refusedFile(issues);
  const bytes = lengthOf(source) ?? options.bytes;
  return {
    ...options,
    name,
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/** The names of files, as an error text states them after "allowed:". */
export const FILE_NAME_RULE = `1 to ${MAX_FILE_NAME} bytes of UTF-8 without / \\ and control ` +
  "characters, and neither . nor ..";

/** Returns true for a text that can name a file in a folder. */
export function isFileName(name: unknown): name is string {
  // deno-lint-ignore no-control-regex
  return typeof name === "string" && !/[/\\\0-\x1f\x7f-\x9f]/.test(name) && name.isWellFormed() &&
    name !== "" && name !== "." && name !== ".." && Buffer.byteLength(name) <= MAX_FILE_NAME;
}

function defaultName(source: FileSource): string {
  const name = source instanceof File
    ? source.name
    : isPath(source)
    ? basename(source.path)
    : DEFAULT_NAME;
  return isFileName(name) ? name : DEFAULT_NAME;
}

function typeOf(source: FileSource): string | undefined {
  return source instanceof Blob && source.type !== "" ? source.type : undefined;
}

function lengthOf(source: FileSource): number | undefined {
  if (source instanceof Uint8Array) return source.byteLength;
  return source instanceof Blob ? source.size : undefined;
}

/** Returns true for a source that is a file of this machine. */
export function isPath(source: FileSource): source is { readonly path: string } {
  return "path" in source && typeof source.path === "string";
}

/** The error for a source, or a chunk of one, that has no bytes. */
export function noSource(given: unknown): InvalidInputError {
  const message = `given ${shownValue(given)}; allowed: a Uint8Array, a stream or an async ` +
    "iterable of them, or { path }";
  return refusedFile([{ path: "source", message }]);
}

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/**
 * Checks the options of a list.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkedList(options: FileListOptions): {
  readonly filter: { readonly job?: string };
  readonly page: { readonly after?: string; readonly limit: number };
} {
  const { cursor, limit = DEFAULT_PAGE, job } = options;
  const known = ["cursor", "limit", "job"];
  const issues: FieldIssue[] = Object.keys(options).filter((key) => !known.includes(key))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, known)}` }));
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    const allowed = `a whole number from 1 to ${MAX_PAGE}`;
    issues.push({ path: "limit", message: `given ${shownValue(limit)}; allowed: ${allowed}` });
  }
  const texts = { cursor: "the cursor of the page before", job: "the id of a job" };
  for (const [path, allowed] of Object.entries(texts)) {
    const given: unknown = path === "cursor" ? cursor : job;
    if (given === undefined || (typeof given === "string" && given !== "")) continue;
    issues.push({ path, message: `given ${shownValue(given)}; allowed: ${allowed}` });
  }
  if (issues.length > 0) throw refusedList(issues);
  return {
    filter: job === undefined ? {} : { job },
    page: { limit, ...(cursor === undefined ? {} : { after: cursor }) },
  };
}

/** Throws the error of a list, in which the store names the cursor `after`. */
export function namedCursor(error: unknown): never {
  if (!(error instanceof InvalidInputError)) throw error;
  throw refusedList(
    error.issues.map((it) => it.path === "after" ? { ...it, path: "cursor" } : it),
  );
}

function refusedList(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  return new InvalidInputError(`Cannot list files: ${list.join("; ")}`, issues);
}
