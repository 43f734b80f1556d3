/**
 * The HTTP server: `deno task serve`. Reads flags and configuration, takes the port, starts the
 * host, says where it listens, and stops in order on SIGINT, SIGTERM or SIGHUP.
 * docs/configuration.md lists the signals and exit statuses.
 */
import { parseArgs } from "node:util";
import denoJson from "./deno.json" with { type: "json" };
import {
  ApiKeyWatch,
  type Config,
  type ConfigInput,
  configPaths,
  isDemo,
  loadConfig,
  namedLoggingOf,
} from "./src/config/mod.ts";
import {
  assertSupportedSystem,
  type CallsAtStop,
  callsAtStop,
  openDataDirectory,
} from "./src/host/mod.ts";
import { InvalidInputError, messageOf, SnakedenError } from "./src/errors.ts";
import { configureLogging, getLogger, type LogHandle, writeWhole } from "./src/log.ts";
import { settlesWithin } from "./src/async/mod.ts";
import {
  ENDS_AT_ONCE,
  EXIT_CODES,
  isDenoFirst,
  NEEDS_INIT,
  StopSignals,
} from "./src/process/mod.ts";
import { ConfigWatch } from "./src/reload/mod.ts";
import {
  createApp,
  createStartingApp,
  type HttpHandler,
  HttpListener,
  KeyGuard,
  nextSteps,
  Traffic,
} from "./src/routes/mod.ts";
import { Snakeden } from "./src/snakeden.ts";

const VERSION = denoJson.version;

const USAGE = `Serve Python functions over HTTP.

usage: deno task serve [options]

  --host ADDRESS   address to listen on (default 127.0.0.1; others need an API key)
  --port NUMBER    port to listen on, 0 for any free one (default 8000)
  --config FILE    configuration file (default snakeden.config.ts or .json here)
  --dev            reload Python code and the configuration when a file changes;
                   deno task dev sets it
  --version        print the version
  --help           print this

Environment variables and all keys of the file: docs/configuration.md
`;

/** The time that answers have to reach their readers once all calls have ended, in milliseconds. */
const LAST_ANSWERS_MS = 2_000;
/** The time for writing the last lines of the log, in milliseconds. */
const LAST_LINES_MS = 1_000;
/** The time for all steps of the stop besides the drain, in milliseconds. */
const STEPS_MS = 8_000;

interface Flags {
  readonly file?: string;
  readonly overrides: ConfigInput;
}

/** The state of the process that outlives a restart of the server in it. */
interface Life {
  readonly flags: Flags;
  /** True if an edit of the configuration restarts the server. */
  isDev: boolean;
  isJson: boolean;
  /** The number of starts so far, those that failed included. */
  starts: number;
  log?: LogHandle;
  signals?: StopSignals;
  watch?: ConfigWatch;
}

/** Runs the server until a stop signal; returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (typeof flags === "number") return flags;
  const life: Life = { flags, isDev: flags.overrides.dev === true, isJson: false, starts: 0 };
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
    if (life.starts === 1 && await isDenoFirst()) getLogger("server").warn(NEEDS_INIT);
    await serve(config, { signals, keyFile, edited: () => nextConfig(life, signals) });
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
    onSecond: (it) => sayEndsAtOnce(it.name, life.log),
  });
}

/** Resolves when an edit has made another valid configuration; shows what is wrong with others. */
async function nextConfig({ flags, watch }: Life, { stop }: StopSignals): Promise<void> {
  while (await watch?.next(stop)) {
    try {
      await loadConfig({ ...flags, fresh: true });
      getLogger("reload").info("the configuration has changed: restarting");
      return;
    } catch (error) {
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
  if (!isConfigError(error) && starts === 1) return undefined;
  const { stop } = await listen(life);
  const text = `waiting for an edit of ${watch.paths.join(" or ")}; Ctrl-C ends the server`;
  if (isJson) getLogger("reload").info("{text}", { text });
  else complain(`snakeden: ${text}\n`);
  return await watch.next(stop) ? "edited" : EXIT_CODES.ok;
}

function readFlags(args: readonly string[]): Flags | number {
  try {
    const { values: { help, version, config, dev, host, port } } = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "V" },
        config: { type: "string" },
        host: { type: "string" },
        port: { type: "string" },
        dev: { type: "boolean" },
      },
    });
    if (help || version) {
      print(help ? USAGE : `snakeden ${VERSION}\n`);
      return EXIT_CODES.ok;
    }
    if (port !== undefined && !/^\d{1,9}$/.test(port)) {
      throw new TypeError(`--port takes a number, not ${JSON.stringify(port)}`);
    }
    return {
      ...(config === undefined ? {} : { file: config }),
      overrides: {
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port: Number(port) }),
        ...(dev === undefined ? {} : { dev }),
      },
    };
  } catch (error) {
    complain(`${messageOf(error)}\n\n${USAGE}`);
    return EXIT_CODES.usage;
  }
}

interface ServeParts {
  readonly signals: StopSignals;
  /** The file of the API keys; undefined if they come from elsewhere, or there are none. */
  readonly keyFile: string | undefined;
  /** Resolves when another configuration is there. */
  readonly edited: () => Promise<void>;
}

async function serve(config: Config, { signals, keyFile, edited }: ServeParts): Promise<void> {
  let isOver = false;
  void signals.requested.then(() => isOver ? undefined : leaveAfter(stopBoundMs(config)));
  await openDataDirectory(config.dataDir);
  using end = new DisposableStack();
  end.defer(() => isOver = true);
  await using resources = new AsyncDisposableStack();
  const guard = resources.use(keyGuardOf(config, keyFile).start());
  let app: { fetch: HttpHandler } = createStartingApp({
    version: VERSION,
    guard,
    corsOrigins: config.cors.origins,
  });
  // The port comes first: if it is taken, no worker has been started in vain.
  const traffic = resources.use(new Traffic(config.limits).start());
  const listener = HttpListener.open(
    { ...config, ...config.limits },
    (request, info) => app.fetch(request, info),
  );
  resources.defer(async () => {
    await settlesWithin(listener[Symbol.asyncDispose](), LAST_ANSWERS_MS);
  });
  let calls: CallsAtStop = { runningCalls: 0, drainMs: 0 };
  try {
    const den = resources.use(
      await Snakeden.start({
        ...config,
        signal: signals.stop,
        requireStore: true,
        onSetupProgress: (line) => sayProgress(line, config),
      }),
    );
    assertSomePool(den, config);
    app = createApp(den, { version: VERSION, traffic, guard });
    print(`listening on ${listener.url}\n`);
    sayNextSteps(den, { config, keyFile, url: listener.url });
    await Promise.race([signals.requested, ...(config.dev ? [edited()] : [])]);
    calls = callsAtStop(den, config.pools);
  } catch (error) {
    // A stop in the middle of the start is no failure.
    if (!signals.stop.aborted || error !== signals.stop.reason) throw error;
  }
  if (signals.request !== undefined) sayStopping(calls, signals.request.name);
  // The stack ends the host first. Until then the port stays open, so that load balancers and
  // callers get the answer 503 instead of a refused connection. The last answers are sent at the
  // end.
}

/** Returns the check of API keys; keys from a file are followed there. */
function keyGuardOf({ apiKey }: Config, keyFile: string | undefined): KeyGuard {
  if (apiKey === undefined || keyFile === undefined) return new KeyGuard(apiKey);
  return new KeyGuard(apiKey, { watch: new ApiKeyWatch(keyFile, [apiKey].flat()) });
}

/** Shows a person, or the program that reads the log, how the Python environment is built. */
function sayProgress(line: string, { logFormat }: Config): void {
  if (logFormat === "json") getLogger("python").info("{progress}", { progress: line });
  else complain(`${line}\n`);
}

/** Says what the server offers, with a command line to try if a person reads it. */
function sayNextSteps(
  den: Snakeden,
  { config, keyFile, url }: Pick<ServeParts, "keyFile"> & {
    readonly config: Config;
    readonly url: string;
  },
): void {
  const tools = den.tools.list();
  const pools = den.pools.list().length;
  if (config.logFormat === "json") {
    getLogger("server").info("serving {tools} tools in {pools} pools", {
      tools: tools.length,
      pools,
      url,
    });
  } else if (config.logLevel === "info" || config.logLevel === "debug") {
    const text = nextSteps({
      url,
      tools,
      pools,
      needsKey: config.apiKey !== undefined,
      keyFile,
      isDemo: isDemo(config.pools),
    });
    // Not synchronously: nobody may be reading.
    Deno.stderr.write(new TextEncoder().encode(text)).catch(() => {});
  }
}

/** The ways to send a signal once more; another SIGHUP ends nothing. */
const AGAIN: Readonly<Record<string, string>> = {
  SIGINT: "press Ctrl-C again",
  SIGTERM: "send SIGTERM again",
};

/** Says that the server stops, and what it waits for. */
function sayStopping({ runningCalls, drainMs }: CallsAtStop, signal = "SIGTERM"): void {
  const log = getLogger("server");
  if (runningCalls === 0) return log.info("stopping", { signal });
  const [verb, them] = runningCalls === 1 ? ["call is", "it"] : ["calls are", "them"];
  const again = AGAIN[signal] ?? "send SIGTERM";
  log.info(
    `stopping: {runningCalls} ${verb} running and may take up to {drainMs} ms (drainMs); ` +
      `${again} to end ${them} at once`,
    { runningCalls, drainMs, signal },
  );
}

/** Says what a second signal does. */
async function sayEndsAtOnce(signal: string, log: LogHandle | undefined): Promise<void> {
  getLogger("server").warn(ENDS_AT_ONCE, { signal });
  await log?.flush(LAST_LINES_MS);
}

/** Returns the longest time of an orderly stop: every step uses up its time. */
function stopBoundMs({ drainMs, pools }: Config): number {
  const poolMs = pools.map((pool) => pool.drainMs + pool.killGraceMs);
  return Math.max(drainMs, ...poolMs) + LAST_ANSWERS_MS + STEPS_MS;
}

/**
 * Exits after `boundMs`: a step of the stop that hangs, for example on a disk, must not keep the
 * process. The workers end with it.
 */
function leaveAfter(boundMs: number): void {
  const timer = setTimeout(() => {
    // Not written to standard error directly: if nobody reads it, that would delay the exit.
    getLogger("server").error("the stop did not finish within {boundMs} ms; exiting", {
      boundMs,
    });
    Deno.exit(EXIT_CODES.failed);
  }, boundMs);
  Deno.unrefTimer(timer);
}

/**
 * Throws if no pool serves: a pool that is down may come back, but a server without any is of no
 * use.
 */
function assertSomePool(den: Snakeden, { dev }: Pick<Config, "dev">): void {
  // With `dev`, each pool has said why it waits, and its code is about to be repaired.
  if (dev) return;
  const pools = den.pools.list();
  const broken = pools.filter((it) => it.state !== "ready");
  const list = broken.map(({ name, state, reason = state }) => `${name}: ${reason}`).join("\n");
  if (broken.length === pools.length) {
    throw new SnakedenError(
      "startup_failed",
      `Cannot serve: no pool could start a worker\n${list}`,
    );
  }
  for (const { name, state, reason = state } of broken) {
    getLogger("server").error("serving without the pool {pool}", { pool: name, reason });
  }
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

function isConfigError(error: unknown): boolean {
  return error instanceof InvalidInputError && error.code === "config_invalid";
}

function print(text: string): void {
  writeWhole(Deno.stdout, text);
}

function complain(text: string): void {
  writeWhole(Deno.stderr, text);
}

if (import.meta.main) {
  const status = await main(Deno.args);
  Deno.exit(status);
}
