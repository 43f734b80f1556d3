/**
 * The kinds of jobs. Each is a {@link Runner} in a file of its own, and one line in
 * {@link allRunners}.
 *
 * @module
 */
export { BatchRunner, type BatchRunnerDeps } from "./batch.ts";
export { CallRunner, type CallRunnerDeps } from "./call.ts";
export { CommandRunner, type CommandRunnerDeps } from "./command.ts";
export { type ProgramAccess, ProgramRuns, type ProgramRunsDeps } from "./program_runs.ts";
export { ScriptRunner, type ScriptRunnerDeps } from "./script.ts";
export { allRunners, type RunnerDeps, type Runners } from "./registry.ts";
export type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";
