import { delay } from "../../../../async/mod.ts";
import { type GroupLeader, type ProcessExit, stillRuns } from "../../../../process/mod.ts";
import { exitOf, type TemplateMessage } from "./messages.ts";

/**
 * The pause between two looks at workers of which nobody else tells. The end of their links says
 * sooner that they have ended; only how they ended is waited for.
 */
const LOOK_MS = 100;
const ORPHANED = "the reaper that forked it was killed, so nothing that it prints is read any more";
/** A worker that was killed is told of after this time, or its template is stuck. */
const TOLD_MS = 3_000;

/** A worker was not forked. */
export class ForkError extends Error {
  override readonly name = "ForkError";
  /** True if the template will fork none. */
  readonly isUnsafe: boolean;

  constructor(message: string, { isUnsafe = false }: { readonly isUnsafe?: boolean } = {}) {
    super(message);
    this.isUnsafe = isUnsafe;
  }
}

/** A worker that was forked, and that lives. */
interface Forked {
  readonly pid: number;
  readonly exit: PromiseWithResolvers<ProcessExit>;
  /** See {@link GroupLeader.orphaned}. */
  readonly orphaned: PromiseWithResolvers<string>;
}

/** The connections and the pipe by which a worker is read and held. */
export interface WorkerStreams {
  readonly stdout: Deno.Conn;
  readonly stderr: Deno.Conn;
  /** Its standard input. */
  readonly guard: Disposable;
}

/** The workers of one reaper: those that are being forked, and those that live. */
export class ForkedWorkers {
  readonly #forks = new Map<number, PromiseWithResolvers<Forked>>();
  readonly #live = new Map<number, Forked>();
  readonly #onStuck: () => void;
  readonly #toldMs: number;
  #isLost = false;

  /** @param onStuck Called when a worker has been killed, and its end is not told of. */
  constructor(onStuck: () => void, { toldMs = TOLD_MS }: { readonly toldMs?: number } = {}) {
    this.#onStuck = onStuck;
    this.#toldMs = toldMs;
  }

  /** Waits for the worker of a launch. Rejects with {@link ForkError} if none comes of it. */
  await(id: number): Promise<Forked> {
    const fork = Promise.withResolvers<Forked>();
    if (this.#isLost) fork.reject(new ForkError("the template is gone"));
    else this.#forks.set(id, fork);
    return fork.promise;
  }

  /** Waits for a worker no more. Returns false if it was told of. */
  giveUp(id: number): boolean {
    return this.#forks.delete(id);
  }

  /** Takes what is said of workers. Returns the pid of one that nobody waits for any more. */
  take(message: TemplateMessage): number | undefined {
    if ("forked" in message) {
      const { id, pid } = message.forked;
      const fork = this.#forks.get(id);
      if (fork === undefined) return pid;
      this.#forks.delete(id);
      const forked: Forked = {
        pid,
        exit: Promise.withResolvers(),
        orphaned: Promise.withResolvers(),
      };
      this.#live.set(pid, forked);
      fork.resolve(forked);
    } else if ("failed" in message) {
      const { id, reason, unsafe = false } = message.failed;
      this.#fail(id, new ForkError(reason, { isUnsafe: unsafe }));
    } else if ("ended" in message) {
      const { id, pid, exit } = message.ended;
      this.#live.get(pid)?.exit.resolve(exitOf(exit));
      this.#live.delete(pid);
      this.#fail(id, new ForkError("the worker ended before it said anything"));
    }
    return undefined;
  }

  /** Notes that what was asked of the template is lost with it. */
  templateLost(reason: string): void {
    for (const id of [...this.#forks.keys()]) this.#fail(id, new ForkError(reason));
  }

  /** Notes that nobody tells of ends any more. Live workers are looked at from now on. */
  reaperLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.templateLost("the reaper of its template was killed");
    for (const { orphaned } of this.#live.values()) orphaned.resolve(ORPHANED);
    if (this.#live.size > 0) void this.#look();
  }

  /** Returns a worker as the leader of its group. */
  leader({ pid, exit, orphaned }: Forked, { stdout, stderr, guard }: WorkerStreams): GroupLeader {
    return {
      pid,
      stdout: stdout.readable,
      stderr: stderr.readable,
      exit: exit.promise,
      orphaned: orphaned.promise,
      release: () => {
        guard[Symbol.dispose]();
        for (const it of [stdout, stderr]) close(it);
        return Promise.resolve();
      },
      onKilled: () => void this.#expectEnd(pid),
    };
  }

  #fail(id: number, error: ForkError): void {
    this.#forks.get(id)?.reject(error);
    this.#forks.delete(id);
  }

  async #expectEnd(pid: number): Promise<void> {
    const forked = this.#live.get(pid);
    if (forked === undefined || this.#isLost) return;
    const over = new AbortController();
    void forked.exit.promise.then(() => over.abort());
    await delay(this.#toldMs, over.signal);
    if (this.#live.get(pid) !== forked) return;
    // With its parent gone, the reaper reaps it, and tells how it ended.
    this.#onStuck();
    await delay(this.#toldMs, over.signal);
    // Its parent may have been killed after it had reaped it, and before it told of that.
    if (this.#live.get(pid) === forked && !await stillRuns(pid)) this.#endedUntold(forked);
  }

  #endedUntold(forked: Forked): void {
    const { pid, exit } = forked;
    if (this.#live.get(pid) === forked) this.#live.delete(pid);
    exit.resolve({ exitCode: null, signal: null });
  }

  async #look(): Promise<void> {
    for (;;) {
      // One after the other: each read takes a thread of the runtime for a moment.
      for (const forked of [...this.#live.values()]) {
        if (!await stillRuns(forked.pid)) this.#endedUntold(forked);
      }
      if (this.#live.size === 0) return;
      await delay(LOOK_MS);
    }
  }
}

/** Closes a connection that may be closed already. */
export function close(it: { close(): void }): void {
  try {
    it.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
