/**
 * Lists, counts, events and single jobs. {@link Reader} has a connection of its own.
 *
 * @module
 */
export { Reader } from "./reader.ts";
