import { delay, settlesWithin } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { isRunning, killGroup } from "../process/mod.ts";

/** The ways to treat the process when the script is done. */
export const EXIT_MODES = ["none", "exit", "auto"] as const;
/**
 * A way to treat the process. `none` returns the value and rethrows errors. `exit` ends the process
 * with status 0, or 1 after an error. `auto` is `exit` if this call started the host, else `none`.
 */
export type ExitMode = typeof EXIT_MODES[number];

/** The ways to treat the host when the script is done. */
export const STOP_MODES = ["if_started", "always", "never"] as const;
/** A way to treat the host. `if_started` stops it if this call started it. */
export type StopMode = typeof STOP_MODES[number];

/** The result of the cleanup after the stop. */
export type CleanupResult = "ok" | "timeout" | "skipped" | "failed";

/** A step of the end of a script, in this order: start, stop, cleanup, exit. */
export interface ShutdownEvent {
  /** The step that was reached. */
  readonly step: "start" | "stop" | "cleanup" | "exit";
  /** The id of the host's run; undefined if no host was started. */
  readonly runId: string | undefined;
  /** The treatment of the process, with `auto` not yet resolved. */
  readonly exitMode: ExitMode;
  /** The treatment of the host. */
  readonly stopMode: StopMode;
  /** True if this call started the host. */
  readonly owned: boolean;
  /** The exit status of the script; 0 for success. */
  readonly status: number;
  /** The result of the cleanup; `pending` before it. */
  readonly cleanupResult: CleanupResult | "pending";
}

/** A host that ends with its script. */
export interface StoppableHost {
  readonly runId: string;
  /** Lists the processes of its workers; none after the stop. */
  pids(): readonly number[];
  stop(options: { readonly drainMs?: number }): Promise<void>;
}

/** Options of {@link ScriptEnding}. */
export interface EndingOptions {
  readonly owned: boolean;
  readonly exitMode: ExitMode;
  readonly stopMode: StopMode;
  readonly shutdownTimeoutMs: number;
  readonly cleanupTimeoutMs: number;
  readonly onShutdown: ((event: ShutdownEvent) => void) | undefined;
}

/** The end of a script. It runs once, step by step; a step that fails does not prevent the next. */
export class ScriptEnding {
  host: StoppableHost | undefined;
  readonly #options: EndingOptions;
  readonly #log = getLogger("script");
  #start: Promise<unknown> | undefined;
  #done: Promise<void> | undefined;
  #isInterrupted = false;
  #status = 0;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  get exits(): boolean {
    const { exitMode, owned } = this.#options;
    return exitMode === "exit" || (exitMode === "auto" && owned);
  }

  /** Makes the end wait for a start, because an abandoned start cleans up after itself. */
  watch<T>(start: Promise<T>): Promise<T> {
    this.#start = start;
    return start;
  }

  run(status: number): Promise<void> {
    this.#status = status;
    return this.#done ??= this.#run();
  }

  /** Ends a script that was interrupted; also ends running calls, even during an orderly end. */
  interrupt(status: number): Promise<void> {
    this.#isInterrupted = true;
    if (this.#stops && this.#done !== undefined) {
      void this.#attempt("stop", async () => await this.host?.stop({ drainMs: 0 }));
    }
    return this.run(status);
  }

  async #run(): Promise<void> {
    this.#tell("start", "pending");
    // Read before the stop: afterwards nobody knows them.
    let pids: readonly number[] = [];
    await this.#attempt("start", () => {
      pids = this.host?.pids() ?? [];
    });
    const stops = this.#stops;
    if (stops) await this.#attempt("stop", () => this.#stop());
    this.#tell("stop", "pending");
    let result: CleanupResult = "skipped";
    if (stops && this.#options.cleanupTimeoutMs > 0) {
      result = "failed";
      await this.#attempt("cleanup", async () => {
        result = await this.#cleanUp(pids);
      });
    }
    this.#tell("cleanup", result);
    this.#tell("exit", result);
  }

  get #stops(): boolean {
    const { stopMode, owned } = this.#options;
    return stopMode === "always" || (stopMode === "if_started" && owned);
  }

  async #stop(): Promise<void> {
    if (this.#start !== undefined) {
      await settlesWithin(this.#start, this.#options.shutdownTimeoutMs);
    }
    const { host } = this;
    if (host === undefined) return;
    const stopping = host.stop(this.#isInterrupted ? { drainMs: 0 } : {});
    if (!await settlesWithin(stopping, this.#options.shutdownTimeoutMs)) {
      await host.stop({ drainMs: 0 });
    }
    await stopping;
  }

  /** Kills what is left of the groups of workers, and waits until it is gone. */
  async #cleanUp(pids: readonly number[]): Promise<CleanupResult> {
    const until = performance.now() + this.#options.cleanupTimeoutMs;
    for (let left = pids.filter(isRunning); left.length > 0; left = left.filter(isRunning)) {
      if (performance.now() > until) return "timeout";
      left.forEach(killGroup);
      await delay(20);
    }
    return "ok";
  }

  async #attempt(step: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.error("ending the script failed at the step {step}: {message}", {
        step,
        message: messageOf(error),
      });
    }
  }

  #tell(step: ShutdownEvent["step"], cleanupResult: ShutdownEvent["cleanupResult"]): void {
    const { owned, exitMode, stopMode, onShutdown } = this.#options;
    const event = {
      step,
      runId: this.host?.runId,
      exitMode,
      stopMode,
      owned,
      status: this.#status,
      cleanupResult,
    };
    this.#log.debug("shutdown {step}", event);
    try {
      onShutdown?.(event);
    } catch (error) {
      this.#log.error("onShutdown threw: {message}", { message: messageOf(error) });
    }
  }
}
