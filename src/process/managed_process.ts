import { settlesWithin } from "../async/mod.ts";
import type { WorkerExit } from "../errors.ts";
import { type OutputLine, OutputReader, OutputTail } from "./output_lines.ts";
import { type CommandSpec, killGroup, signalGroup, spawnGroup } from "./process_group.ts";

/** What to start. */
export interface ProcessSpec extends CommandSpec {
  /** The text with which the worker marks its output; see {@link LineSplitter}. */
  readonly nonce?: string;
  /** Called for each line of stdout and stderr. */
  readonly onLine: (line: OutputLine, from: "stdout" | "stderr") => void;
}

/** What a worker needs of the process behind it. */
export interface ProcessHandle {
  readonly pid: number;
  /** Settles when the process has ended and its last output has been read. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  /** The last lines that these calls have written; see {@link OutputTail.of}. */
  outputOf(calls: readonly number[]): readonly string[];
  /** Asks it to end, and ends it by force after `killGraceMs`. Resolves when the process is gone. */
  terminate(killGraceMs: number): Promise<WorkerExit>;
  /** Ends it by force. Resolves when the process is gone. */
  kill(): Promise<WorkerExit>;
}

/**
 * Silence after which the pipes of an ended process are abandoned: a child outside of its group may
 * hold them open.
 */
const OUTPUT_GRACE_MS = 50;
/**
 * Bytes after which they are abandoned: such a child may write endlessly. A pipe holds less than
 * this.
 */
const OUTPUT_GRACE_BYTES = 4 * 1024 * 1024;

/**
 * One child process with its group, see {@link spawnGroup}. Its stdin stays open for as long as the
 * host lives, and the end of stdin is how the child learns that the host is gone.
 */
export class ManagedProcess implements ProcessHandle {
  readonly pid: number;
  readonly exited: Promise<WorkerExit>;
  readonly #child: Deno.ChildProcess;
  readonly #tail = new OutputTail();
  #ended = false;

  private constructor(child: Deno.ChildProcess, spec: ProcessSpec) {
    this.#child = child;
    this.pid = child.pid;
    this.exited = this.#watch(spec);
  }

  /** @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} When the command cannot be run. */
  static spawn(spec: ProcessSpec): ManagedProcess {
    return new ManagedProcess(spawnGroup(spec), spec);
  }

  /** Last lines of the output so far, oldest first. */
  get lastOutput(): readonly string[] {
    return this.#tail.lines;
  }

  outputOf(calls: readonly number[]): readonly string[] {
    return this.#tail.of(calls);
  }

  /** Sends a signal to the whole group; false when nothing is left of it. */
  signal(signal: Deno.Signal): boolean {
    return signalGroup(this.pid, signal);
  }

  /** SIGTERM to the group, then SIGKILL after `killGraceMs`. Resolves when the process is gone. */
  async terminate(killGraceMs: number): Promise<WorkerExit> {
    if (!this.#ended) this.signal("SIGTERM");
    if (!await settlesWithin(this.exited, killGraceMs)) killGroup(this.pid);
    return await this.exited;
  }

  /** SIGKILL to the group. Resolves when the process is gone. */
  async kill(): Promise<WorkerExit> {
    if (!this.#ended) killGroup(this.pid);
    return await this.exited;
  }

  async #watch({ nonce, onLine }: ProcessSpec): Promise<WorkerExit> {
    const readers = (["stdout", "stderr"] as const).map((from) =>
      new OutputReader(this.#child[from], {
        nonce,
        onLine: (line) => {
          this.#tail.push(line);
          onLine(line, from);
        },
      })
    );
    const status = await this.#child.status;
    this.#ended = true;
    // What it started dies with it, also when it ended by itself.
    killGroup(this.pid);
    await hearOut(readers);
    // The pipe breaks when the child is gone, which is when this runs.
    await this.#child.stdin.close().catch(() => {});
    return {
      exitCode: status.signal === null ? status.code : null,
      signal: status.signal,
      lastOutput: this.#tail.lines,
    };
  }
}

/** Resolves when the pipes have ended, stay silent, or bring too much. */
async function hearOut(readers: readonly OutputReader[]): Promise<void> {
  for (const reader of readers) reader.hurry();
  const sum = (key: "steps" | "bytes"): number => readers.reduce((all, it) => all + it[key], 0);
  const ended = Promise.all(readers.map((it) => it.ended));
  const most = sum("bytes") + OUTPUT_GRACE_BYTES;
  for (let steps = -1; steps !== sum("steps") && sum("bytes") < most;) {
    steps = sum("steps");
    if (await settlesWithin(ended, OUTPUT_GRACE_MS)) return;
  }
  await Promise.all(readers.map((it) => it.leave()));
}
