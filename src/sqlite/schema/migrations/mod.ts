/**
 * The changes of the schema. Every table and statement has a twin in Postgres. The dialect differs
 * in these points: an `integer` is a `bigint`, a `blob` a `bytea`, a text of JSON a `jsonb`;
 * `without rowid` is left out; a list of ids is `json_each(?)` here and `unnest($1)` there;
 * `max(a, b)` of two values is `greatest`; a claim selects its jobs `for update skip locked`, since
 * there are more writers.
 *
 * @module
 */
import { BLOBS } from "./blobs.ts";
import { ERROR_WORDS } from "./error_words.ts";
import { FILES } from "./files.ts";
import { FAIR_QUEUES } from "./fair_queues.ts";
import { JOB_LOG } from "./job_log.ts";
import { JOB_OUTPUTS } from "./job_outputs.ts";
import { JOB_WORDS } from "./job_words.ts";
import { JOBS } from "./jobs.ts";

export { WORDS_FUNCTION } from "./error_words.ts";

/**
 * The changes, in order: the first one makes version 1 of an empty database. A change that was
 * released stays as it is; a later one is added below it.
 */
export const MIGRATIONS: readonly string[] = [
  JOBS,
  BLOBS,
  JOB_LOG,
  FAIR_QUEUES,
  JOB_WORDS,
  FILES,
  JOB_OUTPUTS,
  ERROR_WORDS,
];
