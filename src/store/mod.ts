/**
 * What outlives a host, whichever engine keeps it: plain records, each with a zod schema and a version
 * ({@link RecordType}).
 *
 * @module
 */
export { PROCESS_ROW, type ProcessKey, type ProcessRow } from "./process_row.ts";
export { decodeRecord, encodeRecord, parseJsonBytes, type RecordType } from "./record.ts";
export { type SetAside, setAsideSchema } from "./set_aside.ts";
