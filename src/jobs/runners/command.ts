import { readFrame, Value } from "../../bridge/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { suggestion } from "../../near_names.ts";
import type { JobRow } from "../../store/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { CommandJob, Job } from "../job.ts";
import {
  commandOf,
  findProgram,
  packedFields,
  programIssues,
  refusedJob,
  SCRIPTS_POOL,
  templateIssues,
} from "../scripts/mod.ts";
import type { ProgramOptionsRow, ProgramRuns } from "./program_runs.ts";
import type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";

/** Dependencies of a {@link CommandRunner}. */
export interface CommandRunnerDeps {
  readonly programs: ProgramRuns;
  readonly config: Pick<JobsConfig, "commands" | "maxArgsBytes">;
  readonly limits: { readonly maxDepth: number };
}

/** The arguments of a command as they are kept. */
interface StoredArgs {
  readonly args?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs programs of the configuration as jobs: the kind `command`. No shell is involved. */
export class CommandRunner implements Runner<CommandJob> {
  readonly kind = "command";
  readonly submits = true;
  readonly #deps: CommandRunnerDeps;

  constructor(deps: CommandRunnerDeps) {
    this.#deps = deps;
  }

  prepare(job: CommandJob): PreparedJob {
    const { programs, config: { commands, maxArgsBytes }, limits: { maxDepth } } = this.#deps;
    const { command: name, env = {}, stdin = "", limits } = job;
    // Over HTTP, arguments are encoded.
    const given = job.args instanceof Value ? job.args.decode() : job.args;
    const args = (given ?? {}) as Readonly<Record<string, unknown>>;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      const names = Object.keys(commands);
      const hint = names.length === 0
        ? "allowed: none, since jobs.commands has none"
        : suggestion(name, names);
      const message = `given ${JSON.stringify(name)}; ${hint}`;
      throw refusedJob([{ path: "command", message }]);
    }
    const issues = [...templateIssues(command.command, args), ...programs.limitIssues(limits)];
    if (issues.length === 0) {
      issues.push(...programIssues({ args: commandOf(command.command, args).args, env }));
    }
    const kept = packedFields({ args, env, stdin }, { maxDepth, maxArgsBytes });
    if (!(kept instanceof Uint8Array)) issues.push(kept);
    if (issues.length > 0 || !(kept instanceof Uint8Array)) throw refusedJob(issues);
    return {
      name,
      pool: SCRIPTS_POOL,
      options: limits === undefined ? {} : { limits: { ...limits } },
      args: kept,
    };
  }

  async run(run: Run): Promise<RunResult> {
    const { claim: { job, args } } = run;
    const { commands } = this.#deps.config;
    const options: ProgramOptionsRow = job.options;
    const command = Object.hasOwn(commands, job.name) ? commands[job.name] : undefined;
    if (command === undefined) {
      throw new SnakedenError(
        "script_failed",
        `Cannot run the command ${job.name}: the configuration no longer has it ` +
          "(jobs.commands)",
      );
    }
    const given = readFrame(args).decode() as StoredArgs;
    // The configuration may be another one than at the submission.
    const [issue] = templateIssues(command.command, given.args ?? {});
    if (issue !== undefined) {
      throw new SnakedenError(
        "script_failed",
        `Cannot run the command ${job.name}: the configuration has another one now ` +
          `(jobs.commands): ${issue.path}: ${issue.message}`,
      );
    }
    return await this.#deps.programs.run(run, {
      name: `the command ${job.name}`,
      options,
      timeoutMs: command.timeoutMs,
      env: given.env ?? {},
      stdin: given.stdin ?? "",
      granted: {},
      bounds: undefined,
      readsMarks: true,
      open: async ({ path }) => {
        const filled = commandOf(command.command, given.args ?? {});
        return {
          command: [await findProgram(filled.program), ...filled.args],
          env: {},
          root: path,
          [Symbol.dispose]: () => {},
        };
      },
    });
  }

  describe({ name }: JobRow): Partial<Job> {
    return { command: name };
  }
}
