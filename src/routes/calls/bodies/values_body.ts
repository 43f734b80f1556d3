import { Value } from "../../../bridge/values/mod.ts";
import { shownValue } from "../../../calls/call_fields.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { parseJsonBody } from "../../http/request_body.ts";

/** A JSON body with fields `value`, which stay encoded. */
export interface ValuesBody {
  /** The body without its own field `value`, and without those of the items of `set`. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The field `value` of the body, if there is one, then those of the items of `set`. */
  readonly values: readonly (Value | undefined)[];
}

/** The longest text of the other fields, which block the event loop while it receives them. */
const MAX_FIELDS_CHARS = 256 * 1024;

/**
 * Reads a JSON body with values. Runs on the event loop for a small body, and in the thread of
 * json_worker.ts for a large one.
 *
 * @throws {InvalidInputError} `invalid_input` naming what is wrong.
 */
export function decodeValues(bytes: Uint8Array, maxDepth: number): ValuesBody {
  const body = parseJsonBody(bytes, maxDepth);
  if (!isRecord(body)) throw invalid("", `given ${shownValue(body)}; allowed: an object of JSON`);
  const [own, fields] = taken(body, "value", maxDepth);
  const { set } = fields;
  if (!Array.isArray(set)) return { fields: short(fields, bytes), values: [own] };
  const items = set.map((it, i) => taken(it, `set[${i}].value`, maxDepth));
  const rest = { ...fields, set: items.map(([, it]) => it) };
  return { fields: short(rest, bytes), values: [own, ...items.map(([value]) => value)] };
}

/** Returns the field `value` of a record, encoded, and its other fields. */
function taken<T>(
  node: T,
  path: string,
  maxDepth: number,
): readonly [Value | undefined, T extends object ? Record<string, unknown> : T] {
  type Rest = T extends object ? Record<string, unknown> : T;
  if (!isRecord(node) || !Object.hasOwn(node, "value")) return [undefined, node as Rest];
  const { value, ...rest } = node;
  try {
    return [Value.fromJsonTree(value, { maxDepth, name: path }), rest as Rest];
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    throw invalid(path, error.message);
  }
}

function short(
  fields: Record<string, unknown>,
  { byteLength }: Uint8Array,
): Record<string, unknown> {
  if (byteLength <= MAX_FIELDS_CHARS) return fields;
  const text = JSON.stringify(fields, (_, it) => typeof it === "bigint" ? String(it) : it);
  if (text.length <= MAX_FIELDS_CHARS) return fields;
  const rule = `at most ${MAX_FIELDS_CHARS} characters beside the values`;
  throw invalid("", `given ${text.length} characters of JSON; allowed: ${rule}`);
}

function invalid(path: string, message: string): InvalidInputError {
  return new InvalidInputError(
    `Cannot read the body: ${path === "" ? "" : `${path}: `}${message}`,
    [{ path, message }],
  );
}
