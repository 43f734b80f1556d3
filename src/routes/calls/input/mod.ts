/**
 * Calls whose body is an input stream ({@link openInputCall}): a tool reads the lines or the bytes
 * of the body while they arrive (body_items.ts), and no faster than it takes them (body_bytes.ts).
 *
 * @module
 */
export { BodyBytes } from "./body_bytes.ts";
export { MAX_LINE_BYTES } from "./body_items.ts";
export { hasInput, openInputCall } from "./input_call.ts";
