import { AsyncLocalStorage } from "node:async_hooks";
import { Alarms, type Clock, settlesWithin } from "../../../async/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import { DEFAULT_TIMEOUT_MS, type HostTool } from "../host_tool.ts";
import { HostRun, type RunOwner } from "./host_run.ts";
import type { NestedCalls, RunCaller, RunLimits } from "./run_caller.ts";
import { tooDeep, tooLate } from "./run_errors.ts";

/** Dependencies of {@link HostRuns}. */
export interface HostRunsDeps {
  readonly limits: RunLimits;
  /** Returns the calls that host tools make. */
  readonly calls: () => NestedCalls;
  readonly clock?: Clock;
}

/**
 * The run of an asynchronous context. Timers, sockets and promises keep the context in which they
 * were made, so it must not keep a run that has ended.
 */
interface RunContext {
  run: HostRun | undefined;
}

/** The runs of host tools. Disposing it ends those that are left. */
export class HostRuns implements RunOwner, Disposable {
  readonly alarms: Alarms;
  readonly limits: RunLimits;
  readonly #calls: () => NestedCalls;
  readonly #open = new Map<HostRun, RunContext>();
  readonly #current = new AsyncLocalStorage<RunContext>();
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
    return this.#open.size;
  }

  /** The run whose code runs now, unless it has ended. */
  get current(): HostRun | undefined {
    if (this.#open.size === 0) return undefined;
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
    this.#open.set(run, { run });
    return run;
  }

  within<T>(run: HostRun, work: () => T): T {
    const context = this.#open.get(run);
    return context === undefined ? work() : this.#current.run(context, work);
  }

  ended(run: HostRun): void {
    const context = this.#open.get(run);
    if (context !== undefined) context.run = undefined;
    this.#open.delete(run);
    if (this.#open.size === 0) this.#onIdle?.();
  }

  /** Resolves when no run is under way, at the latest after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    await settlesWithin(promise, timeoutMs);
    this.#onIdle = undefined;
  }

  /** Ends all runs, since the host stops. */
  stopAll(): void {
    for (const run of [...this.#open.keys()]) {
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
