import { settlesWithin } from "../async/mod.ts";
import { OutputReader } from "./output_reader.ts";
import { type CommandSpec, killGroup, signalGroup, spawnGroup } from "./process_group.ts";

/** The listener for the output of a process. */
export interface OutputListener {
  /** Called for each line of stdout and stderr. */
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
  /** See {@link OutputOptions.room}. */
  readonly room?: () => Promise<void> | undefined;
}

/** A program to start, and the listener for its output. */
export interface ProcessSpec extends CommandSpec, OutputListener {}

/** A process that leads a group of its own, and that others may have started. */
export interface GroupLeader {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when the process has ended. Never rejects. */
  readonly exit: Promise<ProcessExit>;
  /** Closes its stdin, and whatever else belongs to it. Called when it has ended. Never rejects. */
  release(): Promise<void>;
  /** Called when it was killed, and should end at once. */
  onKilled?(): void;
  /**
   * Resolves, with the reason as a clause, once nobody carries its output or knows how it ends any
   * more. Default: that does not happen.
   */
  readonly orphaned?: Promise<string>;
}

/** The end of a process: an exit code or a signal; the other one is null. */
export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: Deno.Signal | null;
}

/**
 * The pipes of an ended process are abandoned after this much silence, since a child outside its
 * group may hold them open.
 */
const OUTPUT_GRACE_MS = 50;
/**
 * The pipes are also abandoned after this many bytes, since such a child may write endlessly. A
 * pipe holds less.
 */
const OUTPUT_GRACE_BYTES = 4 * 1024 * 1024;

/**
 * A child process that leads a group of its own, see {@link spawnGroup}. Its stdin stays open as
 * long as the host lives: at the end of stdin the child knows that the host is gone.
 */
export class ManagedProcess {
  readonly pid: number;
  /** Settles when the process has ended and its last output has been read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  readonly #leader: GroupLeader;
  #ended = false;
  #readers: readonly OutputReader[] = [];

  /** Takes charge of a process. */
  constructor(leader: GroupLeader, listener: OutputListener) {
    this.#leader = leader;
    this.pid = leader.pid;
    this.exited = this.#watch(listener);
  }

  /**
   * Starts the program.
   *
   * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} If the command cannot be run.
   */
  static spawn(spec: ProcessSpec): ManagedProcess {
    return new ManagedProcess(spawnLeader(spec), spec);
  }

  /** Sends a signal to the whole group. Returns false if nothing is left of it. */
  signal(signal: Deno.Signal): boolean {
    return signalGroup(this.pid, signal);
  }

  /**
   * Sends SIGTERM to the group, and SIGKILL after `killGraceMs`. Resolves when the process is gone.
   */
  async terminate(killGraceMs: number): Promise<ProcessExit> {
    if (!this.#ended) this.signal("SIGTERM");
    if (!await settlesWithin(this.exited, killGraceMs)) return await this.kill();
    return await this.exited;
  }

  /** Reads the output now, rather than after a pause. */
  readOutput(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** Sends SIGKILL to the group. Resolves when the process is gone. */
  async kill(): Promise<ProcessExit> {
    if (!this.#ended) {
      killGroup(this.pid);
      this.#leader.onKilled?.();
    }
    return await this.exited;
  }

  async #watch({ onLine, room }: OutputListener): Promise<ProcessExit> {
    const readers = (["stdout", "stderr"] as const).map((from) =>
      new OutputReader(this.#leader[from], { onLine: (line) => onLine(line, from), room })
    );
    this.#readers = readers;
    const exit = await this.#leader.exit;
    this.#ended = true;
    // Whatever the process started ends with it, even after a normal exit.
    killGroup(this.pid);
    await hearOut(readers);
    await this.#leader.release();
    return exit;
  }
}

/**
 * Starts a program as {@link spawnGroup} does.
 *
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} If the command cannot be run.
 */
export function spawnLeader(spec: CommandSpec): GroupLeader {
  const child = spawnGroup(spec);
  const { pid, stdout, stderr } = child;
  return {
    pid,
    stdout,
    stderr,
    exit: child.status.then(({ code, signal }) => ({
      exitCode: signal === null ? code : null,
      signal,
    })),
    // The child is gone, so closing its pipe may fail.
    release: () => child.stdin.close().catch(() => {}),
  };
}

/**
 * Reads the pipes of an ended process. Resolves when they have ended, fall silent, or bring too
 * many bytes.
 */
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
