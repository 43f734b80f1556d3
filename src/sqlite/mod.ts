/**
 * The driver for jobs in SQLite: {@link openSqliteJobs} opens the database of a data directory.
 *
 * - `threads`: the two threads that have a connection each, and the messages to them.
 * - `writer`: the operations that change jobs, run in groups, one commit a group.
 * - `reader`: lists, counts, events and single jobs.
 * - `schema`: tables and their versions.
 *
 * The thread of the program runs no SQL.
 *
 * @module
 */
export { openSqliteJobs, type SqliteJobsOptions } from "./open_sqlite_jobs.ts";
export { SqliteJobs } from "./sqlite_jobs.ts";
