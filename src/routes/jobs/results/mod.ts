/**
 * The route of the result of a job, {@link addJobResult}: one that the store has, one that is a
 * blob, or the results of the items of a batch.
 *
 * @module
 */
export { addJobResult } from "./result.ts";
