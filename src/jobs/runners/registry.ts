import { CallRunner, type CallRunnerDeps } from "./call.ts";
import { BatchRunner, type BatchRunnerDeps } from "./batch.ts";
import { CommandRunner, type CommandRunnerDeps } from "./command.ts";
import { ScriptRunner, type ScriptRunnerDeps } from "./script.ts";
import type { Runner } from "./runner.ts";

/** Kinds of jobs by their names. */
export type Runners = Readonly<Record<string, Runner>>;

/** Dependencies of all runners. */
export type RunnerDeps = CallRunnerDeps & BatchRunnerDeps & {
  readonly scripts: ScriptRunnerDeps;
  readonly commands: CommandRunnerDeps;
};

/** Returns a runner for each kind of jobs. A further kind is a further line. */
export function allRunners(deps: RunnerDeps): Runners {
  return {
    call: new CallRunner(deps) as Runner,
    batch: new BatchRunner(deps) as Runner,
    script: new ScriptRunner(deps.scripts) as Runner,
    command: new CommandRunner(deps.commands) as Runner,
  };
}
