/**
 * The database: tables and their versions, how it is opened, and the places and columns of jobs.
 *
 * @module
 */
export { cellAt, JOB_CELLS, jobRowOf } from "./job_cells.ts";
export { giveUp, openToRead, openToWrite, rollBack, warningsOf } from "./open_database.ts";
export { heldBy, isEnd, isHeldBack, PLACE, placeOf, placesOf, stateOf } from "./places.ts";
