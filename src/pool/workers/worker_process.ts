import type { WorkerExit } from "../../errors.ts";
import {
  type CommandSpec,
  type GroupLeader,
  ManagedProcess,
  spawnLeader,
} from "../../process/mod.ts";
import { reaperLost, type ReplaceCause } from "./end_cause.ts";
import { type OutputLine, OutputMarks, OutputTail } from "./output/mod.ts";

/** The listeners of the process of a worker. */
export interface WorkerProcessSpec {
  /** The text with which the worker marks its output; see {@link OutputMarks}. */
  readonly nonce: string;
  /** Called with each line of stdout and stderr. */
  readonly onLine: (line: OutputLine, from: "stdout" | "stderr") => void;
  /** Called when the output of a call has ended in a pipe. */
  readonly onOutputEnd?: (number: number, from: "stdout" | "stderr") => void;
  /** See {@link OutputOptions.room}. */
  readonly room?: () => Promise<void> | undefined;
}

/** The process of a worker, as the worker sees it. */
export interface ProcessHandle {
  readonly pid: number;
  /** Settles when the process has ended and its last output has been read. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  /** Resolves when it must be replaced since nobody reads its output; see {@link GroupLeader}. */
  readonly orphaned?: Promise<ReplaceCause> | undefined;
  /** The exit status that the worker's own code has announced; see {@link OutputMarks}. */
  readonly ownStatus: number | undefined;
  /** The last lines that these calls have written; see {@link OutputTail.of}. */
  outputOf(calls: readonly number[]): readonly string[];
  /** The lines that it wrote as it died, for no call; see {@link OutputTail.dump}. */
  readonly dump: readonly string[];
  /** Reads its output now, rather than after a pause. */
  readOutput(): void;
  /**
   * Asks it to end, and ends it by force after `killGraceMs`. Resolves when the process is gone.
   */
  terminate(killGraceMs: number): Promise<WorkerExit>;
  /** Kills the process. Resolves when it is gone. */
  kill(): Promise<WorkerExit>;
}

/**
 * The process of one worker: a {@link ManagedProcess} whose lines of output are attributed to
 * calls.
 */
export class WorkerProcess implements ProcessHandle {
  readonly exited: Promise<WorkerExit>;
  readonly orphaned: Promise<ReplaceCause> | undefined;
  readonly #process: ManagedProcess;
  readonly #tail = new OutputTail();
  readonly #stderr: OutputMarks;

  /** Takes charge of the process of a worker. */
  constructor(leader: GroupLeader, spec: WorkerProcessSpec) {
    const { nonce, onLine, onOutputEnd, room } = spec;
    const marks = { stdout: new OutputMarks(nonce), stderr: new OutputMarks(nonce) };
    this.#stderr = marks.stderr;
    this.orphaned = leader.orphaned?.then(reaperLost);
    this.#process = new ManagedProcess(leader, {
      onLine: (text, from) => {
        const pipe = marks[from];
        const line = pipe.take(text);
        if (line !== undefined) {
          this.#tail.push(line);
          onLine(line, from);
        }
        if (pipe.ended !== undefined) onOutputEnd?.(pipe.ended, from);
      },
      ...(room !== undefined && { room }),
    });
    this.exited = this.#process.exited.then((exit) => ({ ...exit, lastOutput: this.lastOutput }));
  }

  /**
   * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} When the command cannot be run.
   */
  static spawn(spec: WorkerProcessSpec & CommandSpec): WorkerProcess {
    return new WorkerProcess(spawnLeader(spec), spec);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get ownStatus(): number | undefined {
    return this.#stderr.ownStatus;
  }

  /** The last lines of the output so far, oldest first. */
  get lastOutput(): readonly string[] {
    return this.#tail.lines;
  }

  outputOf(calls: readonly number[]): readonly string[] {
    return this.#tail.of(calls);
  }

  get dump(): readonly string[] {
    return this.#tail.dump;
  }

  readOutput(): void {
    this.#process.readOutput();
  }

  async terminate(killGraceMs: number): Promise<WorkerExit> {
    await this.#process.terminate(killGraceMs);
    return await this.exited;
  }

  async kill(): Promise<WorkerExit> {
    await this.#process.kill();
    return await this.exited;
  }
}
