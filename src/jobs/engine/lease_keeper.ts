import type { Clock } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { Hold, HoldAnswer, JobStore } from "../../store/mod.ts";
import type { JobRun } from "./job_run.ts";

/** The time in which chunks gather before they are written, and lines of logs. */
const GATHER_MS = 50;
const GATHER_LOG_MS = 100;

/** Dependencies of {@link LeaseKeeper}. */
export interface LeaseKeeperDeps {
  readonly store: Pick<JobStore, "extend">;
  /** The runs whose claims are kept. */
  readonly runs: ReadonlySet<JobRun>;
  readonly leaseMs: number;
  readonly clock: Clock;
}

/**
 * Extends the claims of all runs three times in each lease, with what is new about them, and writes
 * their chunks, lines and outputs soon after they come. Stops a run that was cancelled, and one
 * whose claim has ended: by the answer of the store, or by the clock if the store does not answer.
 */
export class LeaseKeeper implements Disposable {
  readonly #deps: LeaseKeeperDeps;
  readonly #dirty = new Set<JobRun>();
  #cancelTick: (() => void) | undefined;
  #cancelGather: (() => void) | undefined;
  #hasFailed = false;
  #isClosed = false;

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  /** Begins to extend, now that there is a run. */
  watch(): void {
    this.#arm();
  }

  /** Notes that a run has chunks, lines or outputs to write. */
  gathered(run: JobRun): void {
    this.#dirty.add(run);
    if (this.#isClosed) return;
    if (run.isDue && run.writing === undefined && !this.#hasFailed) return this.#writeOutput();
    const { clock } = this.#deps;
    this.#cancelGather ??= clock.after(run.hasChunks ? GATHER_MS : GATHER_LOG_MS, () => {
      this.#cancelGather = undefined;
      this.#writeOutput();
    });
  }

  /** Extends all claims now; resolves when the store has answered. */
  async catchUp(): Promise<void> {
    const held = this.#held();
    if (held.length > 0) await this.#write(held);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelTick?.();
    this.#cancelGather?.();
    this.#cancelTick = this.#cancelGather = undefined;
  }

  #arm({ isLate = this.#hasFailed }: { readonly isLate?: boolean } = {}): void {
    if (this.#isClosed || this.#deps.runs.size === 0) return;
    const { clock, leaseMs } = this.#deps;
    // Sooner while an answer is missing, since the leases end soon.
    const pauseMs = isLate ? leaseMs / 15 : leaseMs / 3;
    this.#cancelTick ??= clock.after(pauseMs, () => {
      this.#cancelTick = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    const { runs, clock, leaseMs } = this.#deps;
    const now = clock.now();
    let isLate = this.#hasFailed;
    const lost: JobRun[] = [];
    for (const run of runs) {
      // A host that has slept asks the store first: nobody may have taken its jobs meanwhile.
      const isUnanswered = this.#hasFailed ||
        run.writing !== undefined && now - run.writingSince >= leaseMs / 3;
      if (isUnanswered && run.leaseUntil - now < leaseMs / 10) lost.push(run);
      else if (isUnanswered) isLate = true;
    }
    stopLost(lost, "the store does not answer");
    void this.catchUp();
    this.#arm({ isLate });
  }

  /** Returns the runs whose claims can be extended now. */
  #held(): JobRun[] {
    return [...this.#deps.runs].filter(({ cause, writing }) => cause !== "lost" && !writing);
  }

  #writeOutput(): void {
    const { runs } = this.#deps;
    const ready = [...this.#dirty].filter(({ writing }) => writing === undefined);
    for (const run of ready) this.#dirty.delete(run);
    const held = ready.filter((run) => runs.has(run) && run.cause !== "lost" && run.hasOutput);
    if (held.length > 0) void this.#write(held);
  }

  async #write(runs: readonly JobRun[]): Promise<void> {
    const { store, clock, leaseMs } = this.#deps;
    const sentAt = clock.now();
    const holds = runs.map((run) => run.hold(leaseMs));
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const run of runs) {
      run.writing = promise;
      run.writingSince = sentAt;
    }
    try {
      const answers = await store.extend(holds);
      this.#hasFailed = false;
      const lost = runs.filter((run, i) => !this.#isHeld(run, answers[i], sentAt));
      stopLost(lost, "they were taken from this host");
    } catch (error) {
      this.#failed(runs, holds, error);
    } finally {
      for (const run of runs) run.writing = undefined;
      resolve();
      for (const run of runs) {
        if (run.hasOutput) this.gathered(run);
        else this.#dirty.delete(run);
      }
    }
  }

  /** Notes an answer. Returns false if the claim has ended. */
  #isHeld(run: JobRun, answer: HoldAnswer | undefined, sentAt: number): boolean {
    if (answer !== "held" && answer !== "cancelling") return false;
    run.leaseUntil = Math.max(run.leaseUntil, sentAt + this.#deps.leaseMs);
    run.written();
    if (answer === "cancelling") run.stop("cancelled");
    return true;
  }

  #failed(runs: readonly JobRun[], holds: readonly Hold[], error: unknown): void {
    for (const [i, run] of runs.entries()) {
      const hold = holds[i];
      if (hold !== undefined) run.putBack(hold);
    }
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    getLogger("jobs").warn("cannot extend the leases of running jobs; trying again: {problem}", {
      count: runs.length,
      problem: messageOf(error),
    });
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#arm();
  }
}

function stopLost(runs: readonly JobRun[], problem: string): void {
  const lost = runs.filter(({ cause }) => cause !== "lost");
  if (lost.length === 0) return;
  for (const run of lost) run.stop("lost");
  getLogger("jobs").warn("stopped {count} jobs whose leases have ended: {problem}", {
    count: lost.length,
    problem,
  });
}
