import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { jsonProblemText } from "../../json/mod.ts";

/** Numbers with so many digits may not be exact; 2^53 has 16. */
const LONG_NUMBER = /\d{16}/;
const LONG_INTEGER = /^-?\d{16,}$/;
const MAX_DIGITS = 10_000;

const JSON_TYPE = "application/json";

/** The types of the bodies of calls. */
const CALL_TYPES = [
  JSON_TYPE,
  "multipart/form-data",
  "application/octet-stream",
  "image/*",
  "audio/*",
  "video/*",
];

const BYTES_TYPE = /^(application\/octet-stream|(image|audio|video)\/[^/\s]+)$/;

const decoder = new TextDecoder("utf-8", { fatal: true });

// The third argument of a reviver is in ECMAScript 2026, not yet in TypeScript's library.
const parseWithSource = JSON.parse as (text: string, reviver: typeof reviveInteger) => unknown;

/**
 * Returns the tree of a JSON body. Integers beyond 2^53 become bigint, so that they arrive exactly.
 *
 * @param maxDepth Deeper trees are returned too, but with inexact big integers: the caller must
 * refuse such trees.
 * @throws {InvalidInputError} `invalid_input`.
 */
export function parseJsonBody(bytes: Uint8Array, maxDepth: number): unknown {
  return parse(decodeText(bytes), maxDepth, "");
}

/**
 * Returns the tree of JSON text in another place of a request, as {@link parseJsonBody} does.
 *
 * @param path The place, for the error.
 * @throws {InvalidInputError} `invalid_input`.
 */
export function parseJson(text: string, path: string, maxDepth: number): unknown {
  return parse(text, maxDepth, path);
}

/**
 * Returns the text of bytes in UTF-8.
 *
 * @param path Their place in the request, for the error.
 * @throws {InvalidInputError} `invalid_input`.
 */
export function decodeText(bytes: Uint8Array, path = ""): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalidBody("it is not UTF-8", path);
  }
}

function parse(text: string, maxDepth: number, path: string): unknown {
  try {
    const tree: unknown = JSON.parse(text);
    if (!LONG_NUMBER.test(text) || isDeeper(tree, maxDepth + 1)) return tree;
    return parseWithSource(text, reviveInteger);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const reason = text.trim() === "" ? "it is empty" : jsonProblemText(text);
    // A part of a request, such as `line 3` of its body, has no other lines.
    const shown = path === "" || text.includes("\n") ? reason : reason.replace("line 1, ", "");
    throw invalidBody(`it is not JSON: ${shown}`, path);
  }
}

/**
 * Refuses a body that is compressed, or not `application/json` in UTF-8. This also keeps out forms
 * of foreign web pages.
 *
 * @throws {SnakedenError} `unsupported_media_type`.
 */
export function checkContentType(headers: Headers): void {
  const type = headers.get("content-type");
  if (type !== "application/json" && !isJsonType(type)) throw wrongType(type, [JSON_TYPE]);
  checkEncoding(headers);
}

/**
 * Returns true if a request may have a body, which can still be empty. Decides by the headers,
 * since a server passes a stream even if there is nothing to read.
 */
export function mayHaveBody(headers: Headers): boolean {
  return headers.has("content-type") || headers.has("transfer-encoding") ||
    Number(headers.get("content-length") ?? 0) > 0;
}

/**
 * Returns true if a body is lines of JSON, not compressed.
 *
 * @throws {SnakedenError} `unsupported_media_type` if it is compressed.
 */
export function isNdjson(headers: Headers): boolean {
  const essence = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (essence !== "application/x-ndjson") return false;
  checkEncoding(headers);
  return true;
}

/** The form of the body of a call. */
export type BodyForm = "json" | "form" | "bytes";

/**
 * Returns the form of the body of a call: JSON, `multipart/form-data`, or plain bytes of the type
 * `application/octet-stream`, `image/*`, `audio/*` or `video/*`.
 *
 * @throws {SnakedenError} `unsupported_media_type`.
 */
export function bodyForm(headers: Headers): BodyForm {
  const type = headers.get("content-type");
  const form = type === "application/json" || isJsonType(type) ? "json" : uploadForm(type);
  if (form === undefined) throw wrongType(type, CALL_TYPES);
  checkEncoding(headers);
  return form;
}

/**
 * Returns true if a body is plain bytes, not compressed.
 *
 * @throws {SnakedenError} `unsupported_media_type` if it is compressed.
 */
export function isBytesBody(headers: Headers): boolean {
  if (uploadForm(headers.get("content-type")) !== "bytes") return false;
  checkEncoding(headers);
  return true;
}

function uploadForm(type: string | null): BodyForm | undefined {
  const essence = type?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (essence === "multipart/form-data") return "form";
  return BYTES_TYPE.test(essence) ? "bytes" : undefined;
}

function wrongType(type: string | null, accepted: readonly string[]): SnakedenError {
  const others = accepted.slice(1).join(", ");
  return new SnakedenError(
    "unsupported_media_type",
    `Cannot read a body of type ${type === null ? "(none given)" : JSON.stringify(type)}; ` +
      "send JSON in UTF-8 with the header content-type: application/json" +
      (others === "" ? "" : `, or ${others}`),
    { details: { given: type, accepted } },
  );
}

function checkEncoding(headers: Headers): void {
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new SnakedenError(
      "unsupported_media_type",
      `Cannot read a body with content-encoding ${JSON.stringify(encoding)}; send it uncompressed`,
      { details: { given: encoding, accepted: ["identity"] } },
    );
  }
}

function isJsonType(type: string | null): boolean {
  if (type === null) return false;
  const [essence = "", ...parameters] = type.toLowerCase().split(";").map((it) => it.trim());
  if (essence !== "application/json") return false;
  return parameters.every((it) => !it.startsWith("charset=") || /^charset="?utf-?8"?$/.test(it));
}

function invalidBody(reason: string, path = ""): InvalidInputError {
  const what = path === "" ? "the body" : path;
  return new InvalidInputError(`Cannot read ${what}: ${reason}`, [{ path, message: reason }]);
}

function reviveInteger(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || Number.isSafeInteger(value)) {
    return value;
  }
  if (!LONG_INTEGER.test(source)) return value;
  if (source.length > MAX_DIGITS) {
    throw invalidBody(`it holds an integer of ${source.length} digits; ${MAX_DIGITS} are allowed`);
  }
  return BigInt(source);
}

/** Returns true if a tree has more levels than `limit`. Guards the recursion of a reviver. */
function isDeeper(node: unknown, limit: number): boolean {
  if (typeof node !== "object" || node === null) return false;
  if (limit === 0) return true;
  return Object.values(node).some((it) => isDeeper(it, limit - 1));
}
