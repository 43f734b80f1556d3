/**
 * The kinds of jobs. Each is a {@link Runner} in a file of its own, and one line in
 * {@link allRunners}.
 *
 * @module
 */
export { BatchRunner, type BatchRunnerDeps } from "./batch.ts";
export { CallRunner, type CallRunnerDeps } from "./call.ts";
export { allRunners, type RunnerDeps, type Runners } from "./registry.ts";
export type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";
