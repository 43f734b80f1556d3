import { SnakedenError, type WorkerCrashedError, type WorkerExit } from "../errors.ts";
import type { Call } from "./call.ts";
import { isOwnDoing } from "./crash_kind.ts";
import { CrashLog, type CrashStats } from "./crash_log.ts";
import { type Death, deathOf, type Deceased } from "./death.ts";
import { type Called, PoisonMemory, type PoisonOptions } from "./poison_memory.ts";

/** What becomes of calls whose workers die. */
export interface CrashOptions extends PoisonOptions {
  /** Times that an idempotent call runs again after its worker died. */
  readonly maxRestarts: number;
}

/** A worker that died, as the policy sees it. */
export interface CrashedWorker extends Deceased {
  /** True when the host wanted its end. */
  readonly stopRequested: boolean;
  crashError(exit: WorkerExit, tool: string, history?: readonly Death[]): WorkerCrashedError;
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

/**
 * Counts crashes, and decides what becomes of a call whose worker died under it: whether it runs again, fails, or is poison.
 *
 * A call that never began runs again, one that did only when it is idempotent, `maxRestarts` times at most and not after
 * a chunk of it has come. When `poisonAfter` workers have died of one call it is poison, and so are calls of the same tool
 * with the same arguments for `poisonMs`. Across calls only crashes count that the call must have brought about itself.
 */
export class CrashPolicy {
  readonly #options: CrashOptions;
  readonly #now: () => number;
  readonly #log: CrashLog;
  readonly #memory: PoisonMemory;
  readonly #histories = new WeakMap<Call, readonly Death[]>();
  #restarts = 0;
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
      restarts: this.#restarts,
      poisoned: this.#poisoned,
    };
  }

  /** A worker has ended. */
  ended(worker: CrashedWorker, exit: WorkerExit): void {
    const { kind } = worker.crashOf(exit);
    if (worker.stopRequested && kind !== "killed_by_host") return;
    this.#log.note(kind, this.#now());
  }

  /** The error of a call whose worker died; undefined when it runs again: see {@link Call.restart}. */
  judge(call: Call, { worker, exit, mayHaveRun, idempotent }: Loss): SnakedenError | undefined {
    const { maxRestarts, poisonAfter } = this.#options;
    const death = deathOf(worker, exit, mayHaveRun);
    const history = [...this.#histories.get(call) ?? [], death];
    this.#histories.set(call, history);
    const error = worker.crashError(exit, call.tool, history);
    // Nobody waits for it: it was told to stop, and this may be how it did.
    if (call.state !== "running") return error;
    const isPoison = history.length >= poisonAfter;
    if (isPoison) this.#memory.note(call, death, this.#now(), history);
    else if (mayHaveRun && isOwnDoing(death.crash.kind)) {
      this.#memory.note(call, death, this.#now());
    }
    if (isPoison) return this.#poison(call.tool, history, history.length);
    const runs = history.filter((it) => it.mayHaveRun).length;
    if (mayHaveRun && (!idempotent || call.hasChunk || runs > maxRestarts)) return error;
    if (mayHaveRun) this.#restarts++;
    call.restart(runs > 0 ? error : undefined);
    return undefined;
  }

  /** Why a new call must not run, if it must not. */
  refusal(called: Called, now: number): SnakedenError | undefined {
    const history = this.#memory.historyOf(called, now);
    return history && this.#poison(called.tool, history, 0);
  }

  /** @param attempts Workers that this call itself was sent to. */
  #poison(tool: string, history: readonly Death[], attempts: number): SnakedenError {
    this.#poisoned++;
    const kinds = history.map(({ workerId, crash }) => `${workerId} (${crash.kind})`).join(", ");
    const text = attempts > 0
      ? `Cannot finish ${tool}: it has killed its workers, ${times(history.length)}`
      : `Cannot call ${tool}: with these arguments it has killed workers, ${times(history.length)}`;
    return new SnakedenError("poison_call", `${text}: ${kinds}`, {
      details: {
        tool,
        attempts,
        mayHaveRun: attempts > 0 && history.some((it) => it.mayHaveRun),
        history,
      },
    });
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
