/**
 * The types of the client: those of the library, written down again without the host, so that a
 * program in Node or a browser can check them. tests/client/den_test.ts fails if the two differ.
 * {@link Den} is the part that both have in common.
 *
 * @module
 */
export type * from "./call.ts";
export type * from "./den.ts";
export type * from "./den_jobs.ts";
export type * from "./file.ts";
export type * from "./job.ts";
export type * from "./job_input.ts";
export type * from "./machine.ts";
export type * from "./map.ts";
export type * from "./pool.ts";
export type * from "./session.ts";
