import { join } from "node:path";
import { invalidConfig, type SizedConfig } from "../config/mod.ts";
import { messageOf } from "../errors.ts";
import type { Files } from "../files/mod.ts";
import {
  AttemptFolders,
  type CommandRunnerDeps,
  type JobTokens,
  type ProgramLauncher,
  ProgramRuns,
  ScriptEnvironments,
  ScriptFolders,
  type ScriptRunnerDeps,
  ScriptSlots,
} from "../jobs/mod.ts";
import { getLogger } from "../log.ts";
import { Guard, type GuardDeps } from "../process/mod.ts";
import { packagePath, type PoolPythons } from "../python_env/mod.ts";

/** Dependencies of {@link Programs.open}. */
export interface ProgramsParts {
  readonly config: Pick<SizedConfig, "jobs" | "limits" | "dataDir" | "python">;
  readonly runId: string;
  readonly runDirectory: string;
  readonly pythons: PoolPythons;
  readonly files: Files;
  /** The address of the host; undefined if it serves no HTTP. */
  readonly url: string | undefined;
  readonly tokens: JobTokens;
}

/** The parts that run scripts and commands as jobs. */
export class Programs implements AsyncDisposable {
  /** The slots; undefined if the configuration has no scripts and no commands. */
  readonly slots: ScriptSlots | undefined;
  readonly scripts: ScriptRunnerDeps;
  readonly commands: CommandRunnerDeps;
  readonly #guard: LazyGuard;
  readonly #folders: AttemptFolders;
  readonly #environments: ScriptEnvironments;

  private constructor(parts: ProgramsParts, folders: ScriptFolders, python: string) {
    const { config: { jobs: config, limits, dataDir }, runId, runDirectory, files, url, tokens } =
      parts;
    const isUsed = config.scriptFolders.length > 0 || config.allowInline ||
      Object.keys(config.commands).length > 0;
    const slots = new ScriptSlots(config.scripts.concurrency);
    const root = join(runDirectory, "scripts");
    this.slots = isUsed ? slots : undefined;
    this.#guard = new LazyGuard({ python, packagePath: packagePath(), runDirectory, runId });
    if (isUsed) this.#guard.begin();
    this.#folders = new AttemptFolders(root);
    this.#environments = new ScriptEnvironments({
      dataDir,
      executable: parts.config.python.executable,
    });
    const programs = new ProgramRuns({
      launcher: this.#guard,
      slots,
      folders: this.#folders,
      files,
      runId,
      config,
      limits,
      ...(url === undefined ? {} : { access: { url: reachable(url), tokens } }),
      python: () => python,
    });
    this.scripts = {
      programs,
      folders,
      environments: this.#environments,
      files,
      config,
      limits,
    };
    this.commands = { programs, config, limits };
  }

  /**
   * Opens the parts; the guard starts if the configuration has scripts or commands.
   *
   * @throws {InvalidInputError} `config_invalid` if a folder of scripts does not exist.
   */
  static async open(parts: ProgramsParts): Promise<Programs> {
    const folders = new ScriptFolders(parts.config.jobs.scriptFolders);
    const issues = await folders.issues();
    if (issues.length > 0) throw invalidConfig("", issues);
    const [shared] = parts.pythons.list;
    if (shared === undefined) throw new TypeError("the host has no Python");
    // That of an environment is a link to it.
    return new Programs(parts, folders, await Deno.realPath(shared.python.executable));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#guard[Symbol.asyncDispose]();
    await this.#folders[Symbol.asyncDispose]();
    this.#environments[Symbol.dispose]();
  }
}

/** Returns an address of this machine, if the host serves on all of its addresses. */
function reachable(url: string): string {
  return url.replace(/^(https?:\/\/)(0\.0\.0\.0|\[::\])(?=[:/]|$)/, "$1127.0.0.1");
}

/** The guard of this host, which is started before it is needed, or when it is. */
class LazyGuard implements ProgramLauncher, AsyncDisposable {
  readonly #deps: GuardDeps;
  #starting: Promise<Guard> | undefined;

  constructor(deps: GuardDeps) {
    this.#deps = deps;
  }

  /** Starts the guard. If it does not start, the next launch says so, or starts it. */
  begin(): void {
    this.#start().catch((error: unknown) => {
      getLogger("jobs").error("the guard of scripts and commands does not start: {problem}", {
        problem: messageOf(error),
      });
    });
  }

  async launch(it: Parameters<Guard["launch"]>[0]): ReturnType<Guard["launch"]> {
    return await (await this.#start()).launch(it);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const guard = await this.#starting?.catch(() => undefined);
    await guard?.[Symbol.asyncDispose]();
  }

  #start(): Promise<Guard> {
    this.#starting ??= Guard.start(this.#deps).catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }
}
