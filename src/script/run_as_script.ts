import { delay, settlesWithin } from "../async/mod.ts";
import { InvalidInputError, messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { HOST_ENV, isRunning, killGroup, StopSignals } from "../process/mod.ts";
import { Snakeden, type SnakedenOptions } from "../snakeden.ts";

/** What becomes of the process when the script is done. */
export const EXIT_MODES = ["none", "exit", "auto"] as const;
/**
 * `none`: the value is returned and errors are thrown on. `exit`: the process ends with status 0, or 1 after an error.
 * `auto`: `exit` when this call started the host, else `none`.
 */
export type ExitMode = typeof EXIT_MODES[number];

/** What becomes of the host when the script is done. */
export const STOP_MODES = ["if_started", "always", "never"] as const;
/** `if_started`: it is stopped when this call started it. */
export type StopMode = typeof STOP_MODES[number];

/** What the cleanup after the stop found. */
export type CleanupResult = "ok" | "timeout" | "skipped";

/** A step of the end of a script, in this order: start, stop, cleanup, exit. */
export interface ShutdownEvent {
  readonly step: "start" | "stop" | "cleanup" | "exit";
  readonly runId: string | undefined;
  readonly exitMode: ExitMode;
  readonly stopMode: StopMode;
  /** True when this call started the host. */
  readonly owned: boolean;
  readonly status: number;
  readonly cleanupResult: CleanupResult | "pending";
}

/** How a script is run: also everything that {@link Snakeden.start} takes. */
export interface ScriptOptions extends SnakedenOptions {
  /** A host that runs already; by default one is started. */
  readonly den?: Snakeden;
  /** From the start of the workers until every pool has one; the build of the Python environment does not count. Default 15,000. */
  readonly startupTimeoutMs?: number;
  /** For the orderly stop; then everything is killed. Default 15,000. */
  readonly shutdownTimeoutMs?: number;
  /** For making sure that no worker is left; 0 skips it. Default 5,000. */
  readonly cleanupTimeoutMs?: number;
  /** Default: the variable `SNAKEDEN_SCRIPT_EXIT`, else `none`. */
  readonly exitMode?: ExitMode;
  /** Default `if_started`. */
  readonly stopMode?: StopMode;
  /** Told of each step of the end. */
  readonly onShutdown?: (event: ShutdownEvent) => void;
}

/** What a script gets besides the host. */
export interface ScriptContext {
  /** Aborts on SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
}

/**
 * Runs a program with a host around it: waits until every pool has a worker, runs `fn`, and ends
 * every worker whatever happens, also on SIGINT, SIGTERM and SIGHUP (the process then ends with
 * 130, 143 or 129). Another SIGINT or SIGTERM, half a second later or more, ends the process at
 * once.
 *
 * @example
 * ```ts
 * import { runAsScript } from "snakeden";
 *
 * const sum = await runAsScript((den) => den.execute<number>("add", { a: 2, b: 3 }));
 * console.log(sum);
 * ```
 *
 * @throws {SnakedenError} `pool_unhealthy` or `startup_failed` when the pools do not come up; or
 * what `fn` throws.
 */
export async function runAsScript<T>(
  fn: (den: Snakeden, context: ScriptContext) => T | Promise<T>,
  options: ScriptOptions = {},
): Promise<T> {
  const { den: given, onShutdown, exitMode: wantedExit, stopMode: wantedStop, ...rest } = options;
  const { startupTimeoutMs = 15_000, shutdownTimeoutMs, cleanupTimeoutMs, ...wanted } = rest;
  const start = withEnvironment(wanted);
  const owned = given === undefined;
  const exitMode = resolveExitMode(wantedExit);
  const stopMode = checked("stopMode", wantedStop, STOP_MODES) ?? "if_started";
  const ending = new ScriptEnding({
    owned,
    exitMode,
    stopMode,
    shutdownTimeoutMs: shutdownTimeoutMs ?? 15_000,
    cleanupTimeoutMs: cleanupTimeoutMs ?? 5_000,
    onShutdown,
  });
  using signals = await StopSignals.listen();
  const { stop } = signals;
  stop.addEventListener("abort", () => {
    const status = signals.request?.status ?? 1;
    void ending.interrupt(status).finally(() => Deno.exit(status));
  });
  let outcome: { value: T } | { error: unknown };
  try {
    const signal = start.signal ? AbortSignal.any([start.signal, stop]) : stop;
    ending.den = given;
    const den = given ?? await ending.watch(
      Snakeden.start({ ...start, signal, readyTimeoutMs: startupTimeoutMs }),
    );
    ending.den = den;
    if (given !== undefined) await den.health.awaitReady({ timeoutMs: startupTimeoutMs, signal });
    outcome = { value: await fn(den, { signal }) };
  } catch (error) {
    outcome = { error };
  }
  const status = "error" in outcome ? 1 : 0;
  if (!stop.aborted) await ending.run(status);
  // The listener above ends the process; nothing may overtake it.
  if (stop.aborted) await new Promise<never>(() => {});
  if (ending.exits) {
    if ("error" in outcome) printError(outcome.error);
    Deno.exit(status);
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

interface EndingOptions {
  readonly owned: boolean;
  readonly exitMode: ExitMode;
  readonly stopMode: StopMode;
  readonly shutdownTimeoutMs: number;
  readonly cleanupTimeoutMs: number;
  readonly onShutdown: ((event: ShutdownEvent) => void) | undefined;
}

/** The end of a script, step by step; it runs once, and no step keeps the next from running. */
class ScriptEnding {
  den: Snakeden | undefined;
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

  /** A start that is given up cleans up after itself; the end waits for that. */
  watch(start: Promise<Snakeden>): Promise<Snakeden> {
    this.#start = start;
    return start;
  }

  run(status: number): Promise<void> {
    this.#status = status;
    return this.#done ??= this.#run();
  }

  /**
   * Ends an interrupted script in the same way: running calls are ended, also when an orderly end
   * has begun.
   */
  interrupt(status: number): Promise<void> {
    this.#isInterrupted = true;
    if (this.#stops && this.#done !== undefined) {
      void this.#attempt("stop", async () => await this.den?.stop({ drainMs: 0 }));
    }
    return this.run(status);
  }

  async #run(): Promise<void> {
    this.#tell("start", "pending");
    // Before the stop: afterwards nobody knows them any more.
    const pids = (this.den?.workers.list() ?? []).flatMap(({ pid }) =>
      pid === undefined ? [] : [pid]
    );
    const stops = this.#stops;
    if (stops) await this.#attempt("stop", () => this.#stop());
    this.#tell("stop", "pending");
    let result: CleanupResult = "skipped";
    if (stops && this.#options.cleanupTimeoutMs > 0) {
      result = await this.#cleanUp(pids);
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
    const { den } = this;
    if (den === undefined) return;
    const stopping = den.stop(this.#isInterrupted ? { drainMs: 0 } : {});
    if (!await settlesWithin(stopping, this.#options.shutdownTimeoutMs)) {
      await den.stop({ drainMs: 0 });
    }
    await stopping;
  }

  /** Kills what is left of the captured groups and waits until it is gone. */
  async #cleanUp(pids: readonly number[]): Promise<CleanupResult> {
    const until = performance.now() + this.#options.cleanupTimeoutMs;
    for (let left = pids.filter(isRunning); left.length > 0; left = left.filter(isRunning)) {
      if (performance.now() > until) return "timeout";
      left.forEach(killGroup);
      await delay(20);
    }
    return "ok";
  }

  async #attempt(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.error("the step {step} of the end failed: {message}", {
        step,
        message: messageOf(error),
      });
    }
  }

  #tell(step: ShutdownEvent["step"], cleanupResult: ShutdownEvent["cleanupResult"]): void {
    const { owned, exitMode, stopMode, onShutdown } = this.#options;
    const event = {
      step,
      runId: this.den?.runId,
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

/** A script has no configuration file; where its Python is and where it may write can still be said from outside. */
function withEnvironment(options: SnakedenOptions): SnakedenOptions {
  const dataDir = options.dataDir ?? Deno.env.get(HOST_ENV.dataDir);
  const executable = options.python?.executable ?? Deno.env.get(HOST_ENV.python);
  return {
    ...options,
    ...(dataDir ? { dataDir } : {}),
    ...(executable ? { python: { ...options.python, executable } } : {}),
  };
}

/** Option, then environment, then `none`. A wrong option throws, a wrong variable is reported and passed over. */
function resolveExitMode(option: ExitMode | undefined): ExitMode {
  const chosen = checked("exitMode", option, EXIT_MODES);
  if (chosen !== undefined) return chosen;
  const text = (Deno.env.get(HOST_ENV.scriptExit) ?? "").trim().toLowerCase();
  if (text === "") return "none";
  const mode = EXIT_MODES.find((it) => it === text);
  if (mode === undefined) {
    getLogger("script").warn("ignoring {name}={text}: allowed are {allowed}", {
      name: HOST_ENV.scriptExit,
      text,
      allowed: EXIT_MODES.join(", "),
    });
  }
  return mode ?? "none";
}

function checked<T extends string>(
  path: string,
  value: T | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  const message = `has to be one of ${allowed.join(", ")}, not ${JSON.stringify(value)}`;
  throw new InvalidInputError(`Cannot run the script: ${path} ${message}`, [{ path, message }]);
}

/** A closed pipe is no reason to hang or to lose the exit status. */
function printError(error: unknown): void {
  try {
    Deno.stderr.writeSync(
      new TextEncoder().encode(`${error instanceof Error ? error.stack : String(error)}\n`),
    );
  } catch (cause) {
    if (!(cause instanceof Deno.errors.BrokenPipe)) throw cause;
  }
}
