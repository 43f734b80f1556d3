import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { jsonProblemText } from "../../json/mod.ts";

/** Digits from which on a number may not be exact any more; 2^53 has 16. */
const LONG_NUMBER = /\d{16}/;
const LONG_INTEGER = /^-?\d{16,}$/;
const MAX_DIGITS = 10_000;

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
  const text = decode(bytes);
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

/**
 * Refuses a body that is compressed, or not `application/json` in UTF-8. This also keeps out forms
 * of foreign web pages.
 *
 * @throws {SnakedenError} `unsupported_media_type`.
 */
export function checkContentType(headers: Headers): void {
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
