import { SnakedenError } from "../../errors.ts";
import { isOwnDoing } from "./crash_kind.ts";
import { CrashLog, type CrashStats } from "./crash_log.ts";
import { type CrashRecord, crashRecordOf } from "./crash_record.ts";
import { type Called, PoisonMemory, type PoisonOptions } from "./poison_memory.ts";
import type { EndedFlight, JudgedCall, Judgement, Verdict } from "./verdict.ts";

/** Limits that decide which calls run again after their worker ended. */
export interface CrashOptions extends PoisonOptions {
  /** The most times that an idempotent call runs again after its worker died. */
  readonly maxReruns: number;
}

/** The pool, as its crash policy sees it. */
export interface CrashPolicyDeps {
  now(): number;
  /** Returns true if the workers declare that this tool may run twice. */
  declaresIdempotent(tool: string): boolean;
}

/**
 * Counts crashes, and decides for each call that was in flight in a dead worker whether it runs
 * again, fails, or is poison. It changes no call: the pool carries out its verdicts.
 *
 * A call that never began runs again. A call that began runs again only if it is idempotent, at
 * most `maxReruns` times, and not once a chunk of it has arrived; and never if it is bound to its
 * worker, whose state no other worker has. A call that has killed `poisonAfter` workers is poison,
 * and so are calls of the same tool with the same arguments for `poisonMs`. Only crashes that the
 * call itself must have caused count as poison: if a worker ran several calls, nobody knows which
 * of them it was. Any other crash at most fails its call, with the error of the last worker.
 */
export class CrashPolicy {
  readonly #options: CrashOptions;
  readonly #deps: CrashPolicyDeps;
  readonly #log: CrashLog;
  readonly #memory: PoisonMemory;
  readonly #histories = new WeakMap<JudgedCall, readonly CrashRecord[]>();
  /** The records of crashes that another call may have caused. */
  readonly #doubtful = new WeakSet<CrashRecord>();
  #reruns = 0;
  #poisoned = 0;

  constructor(options: CrashOptions, deps: CrashPolicyDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#log = new CrashLog(options.crashWindowMs);
    this.#memory = new PoisonMemory(options);
  }

  get stats(): CrashStats {
    return {
      ...this.counts,
      windowMs: this.#options.crashWindowMs,
      recent: this.#log.recent(this.#deps.now()),
    };
  }

  /** The part of them that covers the whole life of the pool. */
  get counts(): Pick<CrashStats, "total" | "reruns" | "poisoned"> {
    return { total: this.#log.total, reruns: this.#reruns, poisoned: this.#poisoned };
  }

  /** Records the end of a worker, and returns a verdict for each call in flight. */
  judge<T extends JudgedCall>(flight: EndedFlight<T>): readonly Judgement<T>[] {
    const { worker, exit, lost, unstarted } = flight;
    const { kind } = worker.crashOf(exit);
    if (!worker.stopRequested || kind === "killed_by_host") this.#log.note(kind, this.#deps.now());
    // A worker can also die because of a call that it has not begun, for example while reading its
    // arguments. Such a call would go from worker to worker and kill each of them.
    const [suspect] = lost.length === 0 && !worker.stopRequested ? unstarted : [];
    const verdictOn = (call: T, mayHaveRun: boolean): Verdict => {
      const record = crashRecordOf(worker, exit, mayHaveRun);
      if (lost.length > 1) this.#doubtful.add(record);
      return this.#verdictOn(call, flight, record);
    };
    return [
      ...lost.map((call) => ({ call, verdict: verdictOn(call, true) })),
      ...unstarted.map((call): Judgement<T> => ({
        call,
        verdict: call === suspect ? verdictOn(call, false) : { action: "return" },
      })),
    ];
  }

  #verdictOn<T extends JudgedCall>(
    call: T,
    { worker, exit }: EndedFlight<T>,
    record: CrashRecord,
  ): Verdict {
    const { maxReruns, poisonAfter } = this.#options;
    const { mayHaveRun } = record;
    const history = [...this.#histories.get(call) ?? [], record];
    this.#histories.set(call, history);
    const error = worker.crashError(exit, call.tool, history);
    // The caller has left: the call was asked to stop, and the crash may be the result.
    if (call.state !== "running") return { action: "fail", error };
    // The caller of a bulk call decides about its items.
    if (call.items === undefined && this.#isOwnDoing(record)) {
      const own = history.filter((it) => this.#isOwnDoing(it));
      const isPoison = own.length >= poisonAfter;
      const now = this.#deps.now();
      if (isPoison) this.#memory.note(call, record, { now, own });
      else if (mayHaveRun) this.#memory.note(call, record, { now });
      if (isPoison) return { action: "poison", error: this.#poison(call.tool, own, history) };
    }
    const runs = history.filter((it) => it.mayHaveRun).length;
    const mayRunAgain = this.#isIdempotent(call) && !call.isBound && !call.hasFlowed &&
      runs <= maxReruns;
    if (mayHaveRun && !mayRunAgain) return { action: "fail", error };
    // If something, such as the kernel, kills every worker that reads these arguments, the attempts
    // must end.
    if (!mayHaveRun && history.length - runs >= poisonAfter) return { action: "fail", error };
    if (mayHaveRun) this.#reruns++;
    return { action: "rerun", error: runs > 0 ? error : undefined };
  }

  /** Returns true for a crash that nothing but the call can have caused. */
  #isOwnDoing(record: CrashRecord): boolean {
    return isOwnDoing(record.crash.kind) && !this.#doubtful.has(record);
  }

  #isIdempotent({ idempotent, tool }: JudgedCall): boolean {
    return idempotent ?? this.#deps.declaresIdempotent(tool);
  }

  /** Forgets which calls are poison, since the code that they run has changed. */
  forget(): void {
    this.#memory.clear();
  }

  /** Returns the error of a new call that must not run; undefined if it may. */
  refusal(called: Called, now = this.#deps.now()): SnakedenError | undefined {
    const records = this.#memory.recordsOf(called, now);
    return records && this.#poison(called.tool, records);
  }

  /**
   * @param own The crashes that the call has caused itself.
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
        workersLost: lost.length,
        mayHaveRun: lost.some((it) => it.mayHaveRun),
        history: lost.length > 0 ? lost : own,
      },
    });
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
