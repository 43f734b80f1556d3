import { AsyncLocalStorage } from "node:async_hooks";
import { Alarms, type Clock, settlesWithin } from "../../../async/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import { DEFAULT_TIMEOUT_MS, type HostTool } from "../host_tool.ts";
import { HostRun, type RunOwner } from "./host_run.ts";
import type { NestedCalls, RunCaller, RunContext, RunLimits } from "./run_caller.ts";
import { tooDeep, tooLate } from "./run_errors.ts";

/** Dependencies of {@link HostRuns}. */
export interface HostRunsDeps {
  readonly limits: RunLimits;
  /** Returns the calls that host tools make. */
  readonly calls: () => NestedCalls;
  readonly clock?: Clock;
}

/** The runs of host tools. Disposing it ends those that are left. */
export class HostRuns implements RunOwner, Disposable {
  readonly alarms: Alarms;
  readonly limits: RunLimits;
  readonly #calls: () => NestedCalls;
  /**
   * Those that have not ended, in no order; each knows its place. A Map that is filled and emptied
   * with each run keeps ended ones alive through many garbage collections.
   */
  readonly #open: HostRun[] = [];
  readonly #current = new AsyncLocalStorage<RunContext<HostRun>>();
  readonly #prefix = `host-${crypto.randomUUID().slice(0, 8)}-`;
  #count = 0;
  #onIdle: (() => void) | undefined;

  constructor({ limits, calls, clock }: HostRunsDeps) {
    this.limits = limits;
    this.#calls = calls;
    this.alarms = new Alarms(clock);
  }

  get calls(): NestedCalls {
    return this.#calls();
  }

  /** The number of runs that have not ended. */
  get running(): number {
    return this.#open.length;
  }

  /** The run whose code runs now, unless it has ended. */
  get current(): HostRun | undefined {
    if (this.#open.length === 0) return undefined;
    const run = this.#current.getStore()?.run;
    return run?.isEnded ? undefined : run;
  }

  /**
   * Creates a run, which ends only if it is started: by `value()` or `open()`.
   *
   * @throws {SnakedenError} `call_depth_exceeded`, `deadline_exceeded`.
   */
  begin(tool: HostTool, caller: RunCaller): HostRun {
    const { maxCallDepth } = this.limits;
    if (caller.depth > maxCallDepth) throw tooDeep(tool.name, caller.depth, maxCallDepth);
    // A tool that needs no time would succeed before the alarm.
    if (caller.deadlineAt <= this.alarms.now) throw tooLate(tool.name, undefined);
    const timeoutMs = tool.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const id = this.#prefix + (++this.#count).toString(36);
    const run = new HostRun(id, { tool, caller, owner: this, timeoutMs });
    run.place = this.#open.push(run) - 1;
    return run;
  }

  within<T>(run: HostRun, work: () => T): T {
    return run.isEnded ? work() : this.#current.run(run.context, work);
  }

  ended(run: HostRun): void {
    run.context.run = undefined;
    const last = this.#open.pop();
    if (last !== undefined && last !== run) {
      this.#open[run.place] = last;
      last.place = run.place;
    }
    if (this.#open.length === 0) this.#onIdle?.();
  }

  /** Resolves when no run is under way, at the latest after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#open.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    await settlesWithin(promise, timeoutMs);
    this.#onIdle = undefined;
  }

  /** Ends all runs, since the host stops. */
  stopAll(): void {
    for (const run of [...this.#open]) {
      run.stop(
        new SnakedenError("shutting_down", `Cannot finish ${run.tool}: the host stops`, {
          retryable: true,
          details: { mayHaveRun: true },
        }),
      );
    }
  }

  [Symbol.dispose](): void {
    this.stopAll();
    this.alarms[Symbol.dispose]();
  }
}
