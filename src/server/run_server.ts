import { type Config, configPaths, loadConfig, namedLoggingOf } from "../config/mod.ts";
import { InvalidInputError, SnakedenError } from "../errors.ts";
import { Hardware, placeConfig } from "../hardware/mod.ts";
import { assertSupportedSystem } from "../host/mod.ts";
import { configureLogging, getLogger, type LogHandle } from "../log.ts";
import {
  EXIT_CODES,
  ignoredSignals,
  isDenoFirst,
  NEEDS_INIT,
  StopSignals,
} from "../process/mod.ts";
import { ConfigWatch } from "../reload/mod.ts";
import { sayEndsAtOnce } from "./announcements.ts";
import { type Flags, readFlags } from "./command_line.ts";
import { watchParent } from "./parent_watch.ts";
import { ReloadSignal } from "./reload_signal.ts";
import { serveHttp } from "./serve_http.ts";
import { complain } from "./standard_streams.ts";

/** The time for writing the last lines of the log, in milliseconds. */
const LAST_LINES_MS = 1_000;

/** The state of the process that outlives a restart of the server in it. */
interface Life {
  readonly flags: Flags;
  readonly version: string;
  /** Asked for before the configuration is read: after that it can be too late. */
  readonly ignored: Promise<ReadonlySet<string>>;
  /** True if an edit of the configuration restarts the server. */
  isDev: boolean;
  isJson: boolean;
  /** The number of starts so far, those that failed included. */
  starts: number;
  log?: LogHandle;
  signals?: StopSignals;
  reloadSignal?: ReloadSignal;
  watch?: ConfigWatch;
}

/** Runs the server until a stop signal; returns the exit status. */
export async function runServer(args: readonly string[], version: string): Promise<number> {
  const flags = readFlags(args, version);
  if (typeof flags === "number") return flags;
  const life: Life = {
    flags,
    version,
    ignored: ignoredSignals(),
    isDev: flags.overrides.dev === true,
    isJson: false,
    starts: 0,
  };
  try {
    watchParent(() => onParentEnd(life));
  } catch (error) {
    complain(`snakeden: ${textOf(error)}\n`);
    return statusOf(error);
  }
  try {
    while (true) {
      const end = await serveOnce(life);
      if (end !== "edited") return end;
    }
  } finally {
    await life.watch?.[Symbol.asyncDispose]();
  }
}

/**
 * Runs the server with the configuration as it is now.
 *
 * @returns The exit status, or `edited` when another configuration is there.
 */
async function serveOnce(life: Life): Promise<number | "edited"> {
  try {
    assertSupportedSystem();
    // Opened before the file is read, so that no edit is missed.
    if (life.isDev) life.watch ??= new ConfigWatch(configPaths(life.flags));
    let file: string | undefined;
    let keyFile: string | undefined;
    const config = await loadConfig({
      ...life.flags,
      fresh: life.starts++ > 0,
      onFile: (path) => file = path,
      onApiKeyFile: (path) => keyFile = path,
    });
    life.isDev = config.dev;
    if (life.isDev) life.watch ??= new ConfigWatch(configPaths(life.flags));
    life.log = configureLogging({ level: config.logLevel, format: logFormatOf(config) });
    life.isJson = config.logFormat === "json";
    if (file === undefined) {
      getLogger("server").info("no configuration file in {folder}", { folder: Deno.cwd() });
    } else getLogger("server").info("configuration from {file}", { file });
    const signals = await listen(life);
    life.reloadSignal ??= new ReloadSignal();
    if (life.starts === 1 && await isDenoFirst()) getLogger("server").warn(NEEDS_INIT);
    await serveHttp(config, {
      version: life.version,
      signals,
      keyFile,
      reloadSignal: life.reloadSignal,
      edited: () => nextConfig(life, signals),
    });
    await life.log.flush(LAST_LINES_MS);
    return signals.request === undefined ? "edited" : EXIT_CODES.ok;
  } catch (error) {
    if (life.isJson) getLogger("server").error("{problem}", { problem: textOf(error) });
    await life.log?.flush(LAST_LINES_MS);
    if (!life.isJson) complain(`snakeden: ${textOf(error)}\n`);
    return await endOfRepair(life, error) ?? statusOf(error);
  }
}

/** Returns the form that the configuration names, else the one for the reader of the log. */
function logFormatOf(config: Config): Config["logFormat"] {
  return namedLoggingOf(config).format ?? (Deno.stderr.isTerminal() ? "plain" : "text");
}

async function listen(life: Life): Promise<StopSignals> {
  // Never disposed: a late copy of the signal would then end the process, by its default action,
  // at the last moment of the stop.
  return life.signals ??= await StopSignals.listen({
    ignored: await life.ignored,
    onSecond: async ({ name }) => {
      sayEndsAtOnce(name);
      await life.log?.flush(LAST_LINES_MS);
    },
  });
}

function onParentEnd({ signals }: Life): void {
  getLogger("server").info("the parent has ended");
  // Before it listens for signals, the server has started nothing that it would have to end.
  if (signals === undefined) Deno.exit(EXIT_CODES.ok);
  signals.requestStop();
}

/**
 * Resolves when an edit has made another configuration with which a host can be started; shows what
 * is wrong with others.
 */
async function nextConfig({ flags, watch }: Life, { stop }: StopSignals): Promise<void> {
  while (await watch?.next(stop)) {
    try {
      const config = await loadConfig({ ...flags, fresh: true });
      // A device that is not there would end the server at its restart.
      await using hardware = new Hardware();
      await placeConfig(config, hardware, stop);
      getLogger("reload").info("the configuration has changed: restarting");
      return;
    } catch (error) {
      if (stop.aborted) break;
      getLogger("reload").error("the server keeps its old configuration: {problem}", {
        problem: textOf(error),
      });
    }
  }
  // Without a watch, or after a signal, there is none.
  return await new Promise(() => {});
}

/**
 * Waits for an edit of the configuration that made the start fail.
 *
 * @returns `edited`, or the exit status after a signal; undefined if there is nothing to wait for.
 */
async function endOfRepair(life: Life, error: unknown): Promise<number | "edited" | undefined> {
  const { watch, starts, isDev, isJson } = life;
  if (!isDev || watch?.isOpen !== true) return undefined;
  if (!isConfigError(error) && !isDeviceError(error) && starts === 1) return undefined;
  const { stop } = await listen(life);
  const text = `waiting for an edit of ${watch.paths.join(" or ")}; Ctrl-C ends the server`;
  if (isJson) getLogger("reload").info("{text}", { text });
  else complain(`snakeden: ${text}\n`);
  return await watch.next(stop) ? "edited" : EXIT_CODES.ok;
}

/** Returns what went wrong, with the stack if nobody has foreseen it. */
function textOf(error: unknown): string {
  if (error instanceof SnakedenError) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** Returns the exit status for an error. */
function statusOf(error: unknown): number {
  return isConfigError(error) ? EXIT_CODES.config : EXIT_CODES.failed;
}

function isDeviceError(error: unknown): boolean {
  return error instanceof SnakedenError && error.code === "device_unavailable";
}

function isConfigError(error: unknown): boolean {
  return error instanceof InvalidInputError && error.code === "config_invalid";
}
