import { settlesWithin } from "../async/mod.ts";
import { OutputReader } from "./output_reader.ts";
import { type CommandSpec, killGroup, signalGroup, spawnGroup } from "./process_group.ts";

/** What to start. */
export interface ProcessSpec extends CommandSpec {
  /** Called for each line of stdout and stderr. */
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
}

/** How a process ended: by an exit code or by a signal. */
export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: Deno.Signal | null;
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
export class ManagedProcess {
  readonly pid: number;
  /** Settles when the process has ended and its last output has been read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: Deno.ChildProcess;
  #ended = false;

  private constructor(child: Deno.ChildProcess, spec: ProcessSpec) {
    this.#child = child;
    this.pid = child.pid;
    this.exited = this.#watch(spec);
  }

  /**
   * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} When the command cannot be run.
   */
  static spawn(spec: ProcessSpec): ManagedProcess {
    return new ManagedProcess(spawnGroup(spec), spec);
  }

  /** Sends a signal to the whole group; false when nothing is left of it. */
  signal(signal: Deno.Signal): boolean {
    return signalGroup(this.pid, signal);
  }

  /** SIGTERM to the group, then SIGKILL after `killGraceMs`. Resolves when the process is gone. */
  async terminate(killGraceMs: number): Promise<ProcessExit> {
    if (!this.#ended) this.signal("SIGTERM");
    if (!await settlesWithin(this.exited, killGraceMs)) killGroup(this.pid);
    return await this.exited;
  }

  /** SIGKILL to the group. Resolves when the process is gone. */
  async kill(): Promise<ProcessExit> {
    if (!this.#ended) killGroup(this.pid);
    return await this.exited;
  }

  async #watch({ onLine }: ProcessSpec): Promise<ProcessExit> {
    const readers = (["stdout", "stderr"] as const).map((from) =>
      new OutputReader(this.#child[from], { onLine: (line) => onLine(line, from) })
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
