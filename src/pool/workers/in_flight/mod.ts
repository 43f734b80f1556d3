/**
 * The calls that a worker was sent and has not ended, and what a dead one has recorded of them.
 *
 * @module
 */
export { bulkNoteOf } from "./bulk_notes.ts";
export { CallsInFlight } from "./calls_in_flight.ts";
