import { InvalidInputError, messageOf, SnakedenError } from "../errors.ts";
import { jsonProblemText } from "../config/mod.ts";

/** Digits from which on a number may not be exact any more; 2^53 has 16. */
const LONG_NUMBER = /\d{16}/;
const LONG_INTEGER = /^-?\d{16,}$/;
const MAX_DIGITS = 10_000;

const decoder = new TextDecoder("utf-8", { fatal: true });

// The third argument of a reviver is in ECMAScript 2026, not yet in TypeScript's library.
const parseWithSource = JSON.parse as (text: string, reviver: typeof reviveInteger) => unknown;

/**
 * Reads the JSON body of a request. Integers beyond 2^53 become bigint, so that they arrive exactly.
 *
 * @param maxDepth Deeper trees are returned too, but with inexact big integers: whoever takes them has to refuse them.
 * @throws {SnakedenError} `unsupported_media_type`, `body_too_large` or `invalid_input`.
 */
export async function readJsonBody(
  request: Request,
  { maxBodyBytes, maxDepth }: { readonly maxBodyBytes: number; readonly maxDepth: number },
): Promise<unknown> {
  checkContentType(request.headers);
  const text = decode(await readWhole(request, maxBodyBytes));
  try {
    const tree: unknown = JSON.parse(text);
    if (!LONG_NUMBER.test(text) || isDeeper(tree, maxDepth + 1)) return tree;
    return parseWithSource(text, reviveInteger);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const reason = text.trim() === "" ? "it is empty" : jsonProblemText(text);
    throw invalidBody(`it is not JSON: ${reason}`);
  }
}

/** `application/json`, in UTF-8 and not compressed; also keeps forms of foreign web pages out. */
function checkContentType(headers: Headers): void {
  const type = headers.get("content-type");
  if (type !== "application/json" && !isJsonType(type)) {
    throw new SnakedenError(
      "unsupported_media_type",
      `Cannot read a body of type ${type === null ? "(none given)" : JSON.stringify(type)}; ` +
        "send JSON in UTF-8 with the header content-type: application/json",
      { details: { given: type, accepted: ["application/json"] } },
    );
  }
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

async function readWhole(request: Request, limit: number): Promise<Uint8Array> {
  try {
    return await readBytes(request, limit);
  } catch (error) {
    if (error instanceof SnakedenError) throw error;
    // The client broke off in the middle of it.
    throw invalidBody(`it ended early (${messageOf(error)})`);
  }
}

/**
 * Bounds the memory that a body takes. A server hands over no more bytes than content-length says, so the quick way is safe
 * where it is given; a chunked body is counted while it is read.
 */
async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > limit) throw bodyTooLarge(limit, Number(declared));
    const bytes = await request.bytes();
    if (bytes.byteLength > limit) throw bodyTooLarge(limit, bytes.byteLength);
    return bytes;
  }
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.byteLength;
    if (length > limit) {
      await reader.cancel();
      throw bodyTooLarge(limit);
    }
    parts.push(part.value);
  }
  return joined(parts, length);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}

function bodyTooLarge(limit: number, given?: number): SnakedenError {
  const size = given === undefined ? "a body" : `a body of ${given} bytes`;
  return new SnakedenError(
    "body_too_large",
    `Cannot take ${size}: the limit is ${limit} bytes (limits.maxBodyBytes)`,
    { details: { maxBodyBytes: limit } },
  );
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalidBody("it is not UTF-8");
  }
}

function invalidBody(reason: string): InvalidInputError {
  return new InvalidInputError(`Cannot read the body: ${reason}`, [{ path: "", message: reason }]);
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

/** Guards the recursion of a reviver; looks no deeper than it has to. */
function isDeeper(node: unknown, limit: number): boolean {
  if (typeof node !== "object" || node === null) return false;
  if (limit === 0) return true;
  return Object.values(node).some((it) => isDeeper(it, limit - 1));
}
