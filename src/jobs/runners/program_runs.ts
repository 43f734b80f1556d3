import { type Clock, SYSTEM_CLOCK } from "../../async/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import { type Files, FilesOfJob } from "../../files/mod.ts";
import { runCommand } from "../../process/mod.ts";
import {
  type AttemptFolder,
  type AttemptFolders,
  depthOf,
  findProgram,
  type JobTokens,
  keepArtifacts,
  type Permissions,
  programEnv,
  type ProgramLauncher,
  type ProgramLimits,
  readResult,
  runProgram,
  ScriptOutput,
  type ScriptSlots,
} from "../scripts/mod.ts";
import type { Run, RunResult } from "./runner.ts";

/** The door of the host for programs that run as jobs. */
export interface ProgramAccess {
  /** The address of the host. */
  readonly url: string;
  readonly tokens: Pick<JobTokens, "mint" | "revoke">;
}

/** Dependencies of {@link ProgramRuns}. */
export interface ProgramRunsDeps {
  readonly launcher: ProgramLauncher;
  readonly slots: ScriptSlots;
  readonly folders: AttemptFolders;
  readonly files: Pick<Files, "store" | "list" | "remove">;
  readonly runId: string;
  readonly config: Pick<JobsConfig, "timeoutMs" | "maxResultBytes" | "scripts" | "wrap">;
  readonly limits: { readonly maxDepth: number };
  readonly access?: ProgramAccess | undefined;
  /** Returns a Python that can count the files of a folder. */
  readonly python: () => string;
  readonly clock?: Clock | undefined;
}

/** The limits that a submission names. */
export interface AskedLimits {
  readonly memoryBytes?: number | undefined;
  readonly cpuMs?: number | undefined;
  readonly openFiles?: number | undefined;
}

/** The options of every job that runs a program, as they are kept. */
export interface ProgramOptionsRow {
  readonly limits?: AskedLimits;
  readonly timeoutMs?: number;
  readonly stallTimeoutMs?: number;
}

/** A program of a job. */
export interface ProgramWork {
  /** The name of the work, for error texts. */
  readonly name: string;
  readonly options: ProgramOptionsRow;
  /** The longest time of an attempt of a job that names none. */
  readonly timeoutMs?: number | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly granted: Permissions;
  /** The permissions that hold the program back; undefined if none do. */
  readonly bounds: Permissions | undefined;
  /** True if marked lines of its output have a meaning. */
  readonly readsMarks: boolean;
  /** Returns the command, and what must be disposed of after its end. */
  open(folder: AttemptFolder, options: OpenOptions): Promise<OpenedProgram>;
}

/** Options of {@link ProgramWork.open}. */
export interface OpenOptions {
  /** The address of the host, if it serves HTTP. */
  readonly url: string | undefined;
  /** Ends the preparation, and is the reason of its failure. */
  readonly signal: AbortSignal;
}

/** A program that is ready to run. */
export interface OpenedProgram extends Disposable {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The folder of the script; that of the attempt if there is none. */
  readonly root: string;
}

/** Counts the entries of a folder up to a number, in a process of its own. */
const COUNT = `
import os, sys
count = 0
with os.scandir(sys.argv[1]) as entries:
    for _ in entries:
        count += 1
        if count >= int(sys.argv[2]):
            break
print(count)
`;

/** Runs programs as jobs: everything that scripts and commands have in common. */
export class ProgramRuns {
  readonly #deps: ProgramRunsDeps;
  readonly #clock: Clock;

  constructor(deps: ProgramRunsDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? SYSTEM_CLOCK;
  }

  /** Returns what is wrong with the limits of a submission. */
  limitIssues(asked: AskedLimits = {}): FieldIssue[] {
    const { scripts } = this.#deps.config;
    return (["memoryBytes", "cpuMs", "openFiles"] as const).flatMap((key) => {
      const [given, most] = [asked[key], scripts[key]];
      if (given === undefined || most === undefined || given <= most) return [];
      const message = `given ${given}; allowed: at most ${most} (jobs.scripts.${key})`;
      return [{ path: `limits.${key}`, message }];
    });
  }

  /** Runs a program to its end; settles when its last process is gone, and its files are. */
  async run(run: Run, work: ProgramWork): Promise<RunResult> {
    const { slots, folders, config, limits: { maxDepth }, files } = this.#deps;
    const { scripts, maxResultBytes } = config;
    const { signal, claim: { job } } = run;
    const { name } = work;
    using slot = await slots.enter(signal);
    run.begun(slot.name);
    await using folder = await folders.create();
    const beganAt = this.#clock.now();
    const tooMuch = new AbortController();
    const output = new ScriptOutput({
      log: run.output,
      onProgress: (report) => run.progress(report),
      readsMarks: work.readsMarks,
      maxDepth,
      maxBytes: scripts.maxOutputBytes,
      onTooMuch: () => tooMuch.abort(),
    });
    await this.#execute(run, { work, folder, output, tooMuch: tooMuch.signal });
    const result = await readResult({
      file: folder.result,
      printed: output.result,
      maxBytes: scripts.maxResultBytes ?? maxResultBytes,
      maxDepth,
      name,
    });
    await keepArtifacts(folder.artifacts, {
      name,
      signal,
      deps: {
        files: new FilesOfJob(files, job.id),
        ...scripts,
        count: (path, most) => this.#count(path, most),
        note: (text) => run.note(text),
      },
    });
    return { result, runMs: this.#clock.now() - beganAt };
  }

  async #execute(
    run: Run,
    { work, folder, output, tooMuch }: {
      readonly work: ProgramWork;
      readonly folder: AttemptFolder;
      readonly output: ScriptOutput;
      readonly tooMuch: AbortSignal;
    },
  ): Promise<void> {
    const { launcher, config: { scripts }, runId } = this.#deps;
    const { name, stdin, granted } = work;
    const { signal, claim: { job } } = run;
    using access = this.#access(run, work.bounds);
    using opened = await this.#open(work, { folder, url: access?.url, signal });
    const env = programEnv({
      folder,
      runId,
      jobId: job.id,
      attempt: job.attempt,
      inherited: scripts.env,
      granted: granted.env,
      env: { ...opened.env, ...work.env },
      access,
    });
    await runProgram({
      name,
      launch: {
        command: await this.#wrapped(opened, folder),
        cwd: folder.work,
        env,
        graceMs: scripts.killGraceMs,
        isWrapped: this.#deps.config.wrap.length > 0,
        ...(stdin === "" ? {} : { stdin: new TextEncoder().encode(stdin) }),
      },
      limits: this.#limitsOf(work),
      output,
      signal,
      tooMuch,
    }, { launcher, clock: this.#clock, note: (text) => run.note(text) });
  }

  /** Prepares a program, in bounded time. */
  async #open(
    work: ProgramWork,
    { folder, url, signal }: OpenOptions & { readonly folder: AttemptFolder },
  ): Promise<OpenedProgram> {
    const { prepareTimeoutMs } = this.#deps.config.scripts;
    const late = new AbortController();
    const cancel = this.#clock.after(prepareTimeoutMs, () => {
      const text = `Cannot prepare ${work.name}: it took longer than ${prepareTimeoutMs} ms`;
      const details = { prepareTimeoutMs };
      late.abort(new SnakedenError("deadline_exceeded", text, { details }));
    });
    try {
      return await work.open(folder, { url, signal: AbortSignal.any([signal, late.signal]) });
    } finally {
      cancel();
    }
  }

  #limitsOf({ options, timeoutMs }: ProgramWork): ProgramLimits {
    const { scripts, timeoutMs: ofJobs } = this.#deps.config;
    const { limits = {} } = options;
    // The configuration may be stricter now than at the submission.
    const cpuMs = Math.min(limits.cpuMs ?? Infinity, scripts.cpuMs ?? Infinity);
    return {
      timeoutMs: options.timeoutMs ?? timeoutMs ?? scripts.timeoutMs ?? ofJobs,
      stallTimeoutMs: options.stallTimeoutMs ?? 0,
      memoryBytes: Math.min(limits.memoryBytes ?? Infinity, scripts.memoryBytes),
      openFiles: Math.min(limits.openFiles ?? Infinity, scripts.openFiles),
      ...(cpuMs === Infinity ? {} : { cpuMs }),
      maxOutputBytes: scripts.maxOutputBytes,
    };
  }

  /** Gives the attempt a token, which ends with this. */
  #access(
    { claim: { job } }: Run,
    grants: Permissions | undefined,
  ): ({ readonly url: string; readonly token: string } & Disposable) | undefined {
    const { access } = this.#deps;
    if (access === undefined) return undefined;
    const { url, tokens } = access;
    const { id: jobId, attempt } = job;
    const token = tokens.mint({ jobId, attempt, depth: depthOf(job.options), grants });
    return { url, token, [Symbol.dispose]: () => tokens.revoke(jobId, attempt) };
  }

  async #wrapped(
    { command, root }: OpenedProgram,
    { path: work }: AttemptFolder,
  ): Promise<[string, ...string[]]> {
    const [program, ...args] = command;
    const [wrapper, ...options] = this.#deps.config.wrap;
    if (wrapper === undefined) return [program, ...args];
    const placed = options.map((it) => it.replaceAll("{work}", work).replaceAll("{folder}", root));
    return [await findProgram(wrapper), ...placed, program, ...args];
  }

  async #count(folder: string, most: number): Promise<number> {
    const command = [this.#deps.python(), "-I", "-S", "-c", COUNT, folder, String(most)];
    const { stdout, success, lines } = await runCommand(command, { env: {} });
    if (!success) throw new Error(`cannot count the files of ${folder}: ${lines.at(-1) ?? ""}`);
    return Number(stdout);
  }
}
