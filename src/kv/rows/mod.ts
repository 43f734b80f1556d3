/**
 * Rows of Deno KV that are written through a journal: {@link KvRows}. A {@link Row} stays text
 * until it is committed. `ChangedRows` has the rows that are not yet in KV, `KeptRows` some that
 * are, `BatchReader` reads others, `Journal` has the entries, and `journal_entry.ts` their format.
 *
 * @module
 */
export { KvRows } from "./kv_rows.ts";
export { bytesOf, NO_BODY, partsOf, Row, type RowChange, type RowValue } from "./row.ts";
