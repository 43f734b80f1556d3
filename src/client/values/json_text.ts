import { parseExactJson } from "./exact_json.ts";
import { decodeTree, encodeTree } from "./tree.ts";

/**
 * Returns a value as the JSON of HTTP: what JSON has no form for is a tag, as docs/values.md says.
 *
 * @throws {SnakedenError} `invalid_value` for a value that cannot be sent, such as a function.
 */
export function valueToJson(value: unknown): unknown {
  return encodeTree(value, "value");
}

/**
 * Reads a value out of the JSON of HTTP. Whole numbers that no `number` holds become a bigint.
 *
 * @throws {SyntaxError} If the text is not JSON.
 * @throws {SnakedenError} `invalid_value` for a tag that is malformed.
 */
export function valueFromJson(text: string): unknown {
  return decodeTree(parseExactJson(text));
}
