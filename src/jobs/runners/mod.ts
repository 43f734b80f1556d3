/**
 * The kinds of jobs. Each is a {@link Runner} in a file of its own, and one line in the registry.
 *
 * @module
 */
export type { PreparedJob, Run, RunFailure, Runner, RunResult } from "./runner.ts";
