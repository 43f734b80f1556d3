import { settlesWithin } from "../async/mod.ts";
import { ApiKeyWatch, type Config } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import { applySettings, type CallsAtStop, callsAtStop, openDataDirectory } from "../host/mod.ts";
import { getLogger } from "../log.ts";
import { EXIT_CODES, type StopSignals } from "../process/mod.ts";
import {
  createApp,
  createStartingApp,
  type HttpHandler,
  HttpListener,
  KeyGuard,
  OpenSockets,
  ProcConnections,
  Traffic,
} from "../routes/mod.ts";
import { Snakeden } from "../snakeden.ts";
import type { ReloadSignal } from "./reload_signal.ts";
import { sayNextSteps, sayProgress, sayStopping } from "./announcements.ts";
import { print } from "./standard_streams.ts";

/** The time that answers have to reach their readers once all calls have ended, in milliseconds. */
const LAST_ANSWERS_MS = 2_000;
/** The time for all steps of the stop besides the drain, in milliseconds. */
const STEPS_MS = 8_000;

/** The parts that a server is run with. */
export interface ServeParts {
  readonly version: string;
  readonly signals: StopSignals;
  /** The file of the API keys; undefined if they come from elsewhere, or there are none. */
  readonly keyFile: string | undefined;
  /** Reloads the configuration at a signal. */
  readonly reloadSignal: ReloadSignal;
  /** Resolves when another configuration is there. */
  readonly edited: () => Promise<void>;
}

/** Serves a host over HTTP until a stop signal, or until the configuration was edited. */
export async function serveHttp(
  config: Config,
  { version, signals, keyFile, reloadSignal, edited }: ServeParts,
): Promise<void> {
  let isOver = false;
  let served: Snakeden | undefined;
  void signals.requested.then(() =>
    isOver ? undefined : leaveAfter(stopBoundMs(served?.config ?? config))
  );
  await openDataDirectory(config.dataDir);
  using end = new DisposableStack();
  end.defer(() => isOver = true);
  await using resources = new AsyncDisposableStack();
  const guard = resources.use(keyGuardOf(config, keyFile).start());
  let app: { fetch: HttpHandler } = createStartingApp({
    version,
    guard,
    corsOrigins: config.cors.origins,
  });
  // The port comes first: if it is taken, no worker has been started in vain.
  const traffic = resources.use(new Traffic(config.limits, { freesSent: true }).start());
  const listener = HttpListener.open(
    { ...config, ...config.limits },
    (request, info) => app.fetch(request, info),
  );
  if (Deno.build.os === "linux") traffic.callers.watch(new ProcConnections(listener.port));
  resources.defer(async () => {
    await settlesWithin(listener[Symbol.asyncDispose](), LAST_ANSWERS_MS);
  });
  const sockets = new OpenSockets(config.limits);
  resources.defer(() => sockets.close());
  let calls: CallsAtStop = { runningCalls: 0, drainMs: 0 };
  try {
    const den = resources.use(
      await Snakeden.start({
        ...config,
        signal: signals.stop,
        requireStore: true,
        url: listener.url,
        // The server has read the same configuration, and its parts read the limits each time.
        onReloaded: (next) => applySettings(config, next),
        onSetupProgress: (line) => sayProgress(line, config),
      }),
    );
    assertSomePool(den, config);
    app = createApp(den, { version, traffic, sockets, guard });
    served = reloadSignal.den = den;
    end.defer(() => reloadSignal.den = undefined);
    print(`listening on ${listener.url}\n`);
    sayNextSteps(den, { config, keyFile, url: listener.url });
    await Promise.race([signals.requested, ...(config.dev ? [edited()] : [])]);
    calls = callsAtStop(den, den.config.pools);
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

/** Returns the longest time of an orderly stop: every step uses up its time. */
function stopBoundMs({ drainMs, pools, jobs }: Config): number {
  const poolMs = pools.map((pool) => pool.drainMs + pool.killGraceMs);
  return Math.max(drainMs, ...poolMs) + jobs.scripts.killGraceMs + LAST_ANSWERS_MS + STEPS_MS;
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
