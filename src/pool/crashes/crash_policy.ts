import { SnakedenError, type WorkerCrashedError, type WorkerExit } from "../../errors.ts";
import type { Call } from "../calls/mod.ts";
import { isOwnDoing } from "./crash_kind.ts";
import { CrashLog, type CrashStats } from "./crash_log.ts";
import { type CrashRecord, crashRecordOf, type EndedWorker } from "./crash_record.ts";
import { type Called, PoisonMemory, type PoisonOptions } from "./poison_memory.ts";

/** What becomes of calls whose workers die. */
export interface CrashOptions extends PoisonOptions {
  /** Times that an idempotent call runs again after its worker died. */
  readonly maxReruns: number;
}

/** A worker that died, as the policy sees it. */
export interface CrashedWorker extends EndedWorker {
  /** True when the host wanted its end. */
  readonly stopRequested: boolean;
  crashError(exit: WorkerExit, tool: string, history?: readonly CrashRecord[]): WorkerCrashedError;
}

/** One death and the call that it is about. */
export interface Loss {
  readonly worker: CrashedWorker;
  readonly exit: WorkerExit;
  /** False when the call was next in the worker, which died before it began it. */
  readonly mayHaveRun: boolean;
  /** Whether the call may run twice. */
  readonly idempotent: boolean;
}

/** What becomes of a call whose worker died. */
export type Verdict =
  | { readonly runsAgain: false; readonly error: SnakedenError }
  | { readonly runsAgain: true; readonly error: SnakedenError | undefined };

/**
 * Counts crashes, and decides what becomes of a call whose worker died under it: whether it runs
 * again, fails, or is poison.
 *
 * A call that never began runs again, one that did only when it is idempotent, `maxReruns` times
 * at most and not after a chunk of it has come. When `poisonAfter` workers have died of one call it
 * is poison, and so are calls of the same tool with the same arguments for `poisonMs`. Only crashes
 * that the call must have caused itself count as poison. Any other crash fails its call at most,
 * with the error of the last worker.
 */
export class CrashPolicy {
  readonly #options: CrashOptions;
  readonly #now: () => number;
  readonly #log: CrashLog;
  readonly #memory: PoisonMemory;
  readonly #histories = new WeakMap<Call, readonly CrashRecord[]>();
  #reruns = 0;
  #poisoned = 0;

  constructor(options: CrashOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#log = new CrashLog(options.crashWindowMs);
    this.#memory = new PoisonMemory(options);
  }

  get stats(): CrashStats {
    return {
      total: this.#log.total,
      windowMs: this.#options.crashWindowMs,
      recent: this.#log.recent(this.#now()),
      reruns: this.#reruns,
      poisoned: this.#poisoned,
    };
  }

  /** A worker has ended. */
  ended(worker: CrashedWorker, exit: WorkerExit): void {
    const { kind } = worker.crashOf(exit);
    if (worker.stopRequested && kind !== "killed_by_host") return;
    this.#log.note(kind, this.#now());
  }

  /** Decides what becomes of a call whose worker died. */
  judge(call: Call, { worker, exit, mayHaveRun, idempotent }: Loss): Verdict {
    const { maxReruns, poisonAfter } = this.#options;
    const death = crashRecordOf(worker, exit, mayHaveRun);
    const history = [...this.#histories.get(call) ?? [], death];
    this.#histories.set(call, history);
    const error = worker.crashError(exit, call.tool, history);
    // Nobody waits for it: it was told to stop, and this may be how it did.
    if (call.state !== "running") return { runsAgain: false, error };
    if (isOwnDoing(death.crash.kind)) {
      const own = history.filter((it) => isOwnDoing(it.crash.kind));
      const isPoison = own.length >= poisonAfter;
      if (isPoison) this.#memory.note(call, death, this.#now(), own);
      else if (mayHaveRun) this.#memory.note(call, death, this.#now());
      if (isPoison) return { runsAgain: false, error: this.#poison(call.tool, own, history) };
    }
    const runs = history.filter((it) => it.mayHaveRun).length;
    if (mayHaveRun && (!idempotent || call.hasChunk || runs > maxReruns)) {
      return { runsAgain: false, error };
    }
    // If something, such as the kernel, kills every worker that reads these arguments, the attempts
    // must end.
    if (!mayHaveRun && history.length - runs >= poisonAfter) return { runsAgain: false, error };
    if (mayHaveRun) this.#reruns++;
    return { runsAgain: true, error: runs > 0 ? error : undefined };
  }

  /** Why a new call must not run, if it must not. */
  refusal(called: Called, now: number): SnakedenError | undefined {
    const history = this.#memory.historyOf(called, now);
    return history && this.#poison(called.tool, history);
  }

  /**
   * @param own The deaths that the call has caused itself.
   * @param lost All workers that this call itself was sent to; absent when it never was.
   */
  #poison(
    tool: string,
    own: readonly CrashRecord[],
    lost: readonly CrashRecord[] = [],
  ): SnakedenError {
    this.#poisoned++;
    const kinds = own.map(({ workerId, crash }) => `${workerId} (${crash.kind})`).join(", ");
    const text = lost.length > 0
      ? `Cannot finish ${tool}: it has killed its workers, ${times(own.length)}`
      : `Cannot call ${tool}: with these arguments it has killed workers, ${times(own.length)}`;
    return new SnakedenError("poison_call", `${text}: ${kinds}`, {
      details: {
        tool,
        attempts: lost.length,
        mayHaveRun: lost.some((it) => it.mayHaveRun),
        history: lost.length > 0 ? lost : own,
      },
    });
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
