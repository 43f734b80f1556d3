import { showCaller } from "../caller_stack.ts";
import { loadProgramConfig } from "../config/mod.ts";
import { InvalidInputError } from "../errors.ts";
import { readVariable } from "../granted.ts";
import { splitOptions } from "../host/mod.ts";
import { getLogger } from "../log.ts";
import { ENDS_AT_ONCE, EXIT_CODES, HOST_ENV, ignoredSignals, StopSignals } from "../process/mod.ts";
import { Snakeden, type SnakedenOptions } from "../snakeden.ts";
import {
  EXIT_MODES,
  type ExitMode,
  ScriptEnding,
  type ShutdownEvent,
  STOP_MODES,
  type StopMode,
  type StoppableHost,
} from "./script_ending.ts";
import { openScriptLog } from "./script_log.ts";

/** Time for writing the last lines of the log. */
const LAST_LINES_MS = 1_000;

/** Options of {@link runAsScript}, and all those of {@link Snakeden.start}. */
export interface ScriptOptions extends SnakedenOptions {
  /** A host that is running already. By default, one is started. */
  readonly den?: Snakeden;
  /**
   * Time from the start of the workers until every pool has one. The build of the Python
   * environment does not count. Default 15,000.
   */
  readonly startupTimeoutMs?: number;
  /** Time for the orderly stop, after which everything is killed. Default 15,000. */
  readonly shutdownTimeoutMs?: number;
  /** Time for checking that no worker is left; 0 skips the check. Default 5,000. */
  readonly cleanupTimeoutMs?: number;
  /** Default `SNAKEDEN_SCRIPT_EXIT`, else `none`. */
  readonly exitMode?: ExitMode;
  /** Default `if_started`. */
  readonly stopMode?: StopMode;
  /** Called with each step of the end. */
  readonly onShutdown?: (event: ShutdownEvent) => void;
}

/** The second argument of a script, besides the host. */
export interface ScriptContext {
  /** Aborts on SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
}

/**
 * Runs a function with a host: waits until every pool has a worker, runs `fn`, and ends every
 * worker whatever happens. On SIGINT, SIGTERM and SIGHUP it does the same, and the process ends
 * with 130, 143 or 129. Another SIGINT or SIGTERM, at least half a second later, ends the process
 * at once.
 *
 * Shows on standard error what tools print, and every warning of the host; a level of the log that
 * the program or `SNAKEDEN_LOG_LEVEL` names changes that.
 *
 * @example
 * ```ts
 * import { runAsScript } from "snakeden";
 *
 * const sum = await runAsScript((den) => den.execute<number>("add", { a: 2, b: 3 }));
 * console.log(sum);
 * ```
 *
 * @throws {SnakedenError} `config_invalid`; `pool_unhealthy` or `startup_failed` if the pools do
 * not start; also whatever `fn` throws.
 */
export async function runAsScript<T>(
  fn: (den: Snakeden, context: ScriptContext) => T | Promise<T>,
  options: ScriptOptions = {},
): Promise<T> {
  const { den: given, onShutdown, exitMode: wantedExit, stopMode: wantedStop, ...rest } = options;
  const { startupTimeoutMs = 15_000, shutdownTimeoutMs, cleanupTimeoutMs, ...wanted } = rest;
  const { start, input } = splitOptions(wanted);
  const [loaded, ignored] = await Promise.all([
    loadProgramConfig(input).catch((error: unknown) => ({ error })),
    ignoredSignals(),
  ]);
  const log = openScriptLog("error" in loaded ? {} : loaded.logging);
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
  using signals = await StopSignals.listen({
    ignored,
    onSecond: async ({ name }) => {
      getLogger("script").warn(ENDS_AT_ONCE, { signal: name });
      await log?.flush(LAST_LINES_MS);
    },
  });
  const { stop } = signals;
  // The listener is called before `fn` learns of the signal, unlike `signals.requested`. `fn` may
  // stop the host, and then nobody knows its workers.
  stop.addEventListener("abort", () => {
    const status = signals.request?.status ?? EXIT_CODES.failed;
    void ending.interrupt(status).then(() => log?.flush(LAST_LINES_MS))
      .finally(() => Deno.exit(status));
  }, { once: true });
  let outcome: { value: T } | { error: unknown };
  let hasBegun = false;
  try {
    // An error of the configuration, too, must end the script as its options say.
    if ("error" in loaded) throw loaded.error;
    const { config } = loaded;
    const signal = start.signal ? AbortSignal.any([start.signal, stop]) : stop;
    if (given !== undefined) ending.host = stoppable(given);
    const den = given ?? await ending.watch(
      Snakeden.start({ ...config, ...start, signal, readyTimeoutMs: startupTimeoutMs }),
    );
    ending.host = stoppable(den);
    if (given !== undefined) await den.health.awaitReady({ timeoutMs: startupTimeoutMs, signal });
    hasBegun = true;
    outcome = { value: await fn(den, { signal }) };
  } catch (error) {
    // The errors of `fn` lead to a line of the program already.
    if (!hasBegun) showCaller(error, { below: runAsScript, signal: start.signal });
    outcome = { error };
  }
  const status = "error" in outcome ? EXIT_CODES.failed : EXIT_CODES.ok;
  if (!stop.aborted) await ending.run(status);
  // The signal above ends the process; nothing may overtake it.
  if (stop.aborted) await new Promise<never>(() => {});
  await log?.flush(LAST_LINES_MS);
  if (ending.exits) {
    if ("error" in outcome) printError(outcome.error);
    Deno.exit(status);
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

function stoppable(den: Snakeden): StoppableHost {
  return {
    runId: den.runId,
    pids: () => den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]),
    stop: (options) => den.stop(options),
  };
}

/**
 * Returns the option, else the variable, else `none`. A wrong option throws; a wrong variable is
 * ignored with a warning.
 */
function resolveExitMode(option: ExitMode | undefined): ExitMode {
  const chosen = checked("exitMode", option, EXIT_MODES);
  if (chosen !== undefined) return chosen;
  const text = (readVariable(HOST_ENV.scriptExit) ?? "").trim().toLowerCase();
  if (text === "") return "none";
  const mode = EXIT_MODES.find((it) => it === text);
  if (mode === undefined) {
    getLogger("script").warn("ignoring {name}={text}; allowed: {allowed}", {
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
  const message = `given ${JSON.stringify(value)}; allowed: ${allowed.join(", ")}`;
  const error = new InvalidInputError(`Cannot run the script: ${path}: ${message}`, [
    { path, message },
  ]);
  showCaller(error, { below: runAsScript });
  throw error;
}

/**
 * Prints an error and its causes; a closed pipe must neither hang the script nor cost its exit
 * status.
 */
function printError(error: unknown): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`${errorText(error)}\n`));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.BrokenPipe)) throw cause;
  }
}

/** The most causes that are printed; a cause may be the cause of itself. */
const MAX_CAUSES = 8;

/** Returns the stack of an error and of its causes, in the form in which Deno prints them. */
function errorText(error: unknown): string {
  const texts: string[] = [];
  for (let it = error; it !== undefined && texts.length <= MAX_CAUSES;) {
    const isError: boolean = it instanceof Error;
    texts.push(isError ? (it as Error).stack ?? String(it) : String(it));
    it = isError ? (it as Error).cause : undefined;
  }
  return texts.join("\nCaused by: ");
}
