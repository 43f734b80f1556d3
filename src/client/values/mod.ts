/**
 * Values in the JSON of HTTP: {@link encodeTree} writes them, {@link ReceivedValue} holds one that
 * was received, and {@link decodeFields} reads those inside an answer. Runs where JavaScript has
 * neither base64 of byte arrays nor the source text of numbers.
 *
 * @module
 */
export { parseExactJson } from "./exact_json.ts";
export { valueFromJson, valueToJson } from "./json_text.ts";
export { decodeFields, ReceivedValue } from "./received_value.ts";
export { decodeTree, encodeTree, rawOf, type RawValue } from "./tree.ts";
