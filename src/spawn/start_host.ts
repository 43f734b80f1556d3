import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { HOST_ENV } from "../environment_names.ts";
import { messageOf, SnakedenError } from "../errors.ts";
import { findCheckout } from "./find_checkout.ts";
import { findDeno } from "./find_deno.ts";
import { endText, type HostEnd, HostProcess } from "./host_process.ts";
import { HostOutput } from "./host_output.ts";
import { checkSpawnOptions, type SpawnOptions } from "./spawn_options.ts";
import type { WatchedHost } from "./watched_fetch.ts";

const READY_TIMEOUT_MS = 300_000;
/** A host stops within `drainMs` and 10 s; this is for one that hangs. */
const STOP_TIMEOUT_MS = 60_000;
/** The time for a host to give up its start. */
const GIVE_UP_MS = 10_000;
const DATA_DIR = ".snakeden";

/** As `deno task serve` has it; docs/performance.md says why. */
const LEAN_HEAP = "--v8-flags=--heap-growing-percent=100";
/** The permissions of `deno task serve`; a test compares them. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-read",
  "--allow-net",
  "--allow-env",
  "--allow-run",
  "--allow-sys=cpus,hostname,systemMemoryInfo",
] as const;

/** The variables that would change a host which was started for another purpose. */
const NOT_INHERITED: readonly string[] = [
  HOST_ENV.config,
  HOST_ENV.configJson,
  HOST_ENV.host,
  HOST_ENV.port,
  HOST_ENV.apiKey,
  HOST_ENV.apiKeyFile,
  HOST_ENV.logFormat,
];

/** A host that is ready. */
export interface RunningHost extends WatchedHost {
  readonly url: string;
  readonly apiKey: string;
  readonly pid: number;
  /** Ends the host; resolves when it is gone. */
  readonly stop: () => Promise<void>;
}

/** The variables of this program. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Starts a host and waits until it is ready. See {@link SnakedenClient.spawn}. */
export async function startHost(
  options: SpawnOptions,
  environment: Environment,
): Promise<RunningHost> {
  const configJson = checkSpawnOptions(options);
  options.signal?.throwIfAborted();
  const { readyTimeoutMs = READY_TIMEOUT_MS, stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  const output = new HostOutput({
    onLog: options.onLog,
    onSetupProgress: options.onSetupProgress,
  });
  const bound = new StartBound(
    options.signal,
    () => startupFailed(`it was not ready within ${readyTimeoutMs} ms`, output),
    readyTimeoutMs,
  );
  try {
    const { folder, deno: wanted } = await findCheckout(options.snakeden);
    const cwd = resolve(options.cwd ?? process.cwd());
    const deno = await findDeno({
      given: options.deno,
      wanted,
      cwd,
      signal: bound.signal,
      onLine: (line) => output.take(line),
    });
    const apiKey = randomKey();
    const env = environmentOf(options, { environment, configJson, apiKey, cwd });
    const args = argumentsOf(options, { folder, env, cwd });
    let onReady = (_url: string): void => {};
    const ready = new Promise<string>((resolve) => onReady = resolve);
    const host = await spawned({ command: deno, args, cwd, env }, output, onReady);
    try {
      const url = await Promise.race([
        ready,
        bound.aborted,
        host.exited.then((end) => {
          throw startupFailed(`it ${endText(end)}`, output);
        }),
      ]);
      host.unref();
      return {
        url,
        apiKey,
        pid: host.pid,
        exited: host.exited,
        get end(): HostEnd | undefined {
          return host.end;
        },
        endText: () =>
          `the host (process ${host.pid}) ` +
          (host.end === undefined ? "runs" : endText(host.end)),
        stop: () => host.stop(stopTimeoutMs),
      };
    } catch (error) {
      await host.stop(GIVE_UP_MS);
      throw error;
    }
  } finally {
    bound.close();
  }
}

async function spawned(
  spec: Omit<Parameters<typeof HostProcess.start>[0], "onLine">,
  output: HostOutput,
  onReady: (url: string) => void,
): Promise<HostProcess> {
  try {
    return await HostProcess.start({
      ...spec,
      onLine: (line, from) => {
        const [, url] = from === "stdout" ? /^listening on (http:\S+)$/.exec(line) ?? [] : [];
        if (url === undefined) output.take(line);
        else onReady(url);
      },
    });
  } catch (error) {
    throw startupFailed(messageOf(error), output, error);
  }
}

/** The signal of the caller and the time limit of a start. */
class StartBound {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort(this.#given?.reason);
  readonly #timer: ReturnType<typeof setTimeout>;
  /** Rejects with the reason of {@link signal}. */
  readonly aborted: Promise<never>;

  constructor(given: AbortSignal | undefined, late: () => Error, timeoutMs: number) {
    this.#given = given;
    given?.addEventListener("abort", this.#onAbort);
    this.#timer = setTimeout(() => this.#controller.abort(late()), timeoutMs);
    this.aborted = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
    // It may abort before anybody waits.
    this.aborted.catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#onAbort);
  }
}

function argumentsOf(
  { config }: SpawnOptions,
  { folder, env, cwd }: {
    readonly folder: string;
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  },
): string[] {
  const dataDir = env[HOST_ENV.dataDir] ?? join(cwd, DATA_DIR);
  const isFile = typeof config === "string" || config instanceof URL;
  return [
    "run",
    LEAN_HEAP,
    `--config=${join(folder, "deno.json")}`,
    "--frozen=false",
    ...PERMISSIONS,
    `--allow-write=/tmp,${dataDir}`,
    join(folder, "main.ts"),
    ...(isFile ? ["--config", pathOf(config, cwd)] : []),
  ];
}

function pathOf(given: string | URL, cwd: string): string {
  return given instanceof URL || given.startsWith("file:")
    ? fileURLToPath(given)
    : resolve(cwd, given);
}

function environmentOf(
  { config, dataDir, port = 0, env = {} }: SpawnOptions,
  { environment, configJson, apiKey, cwd }: {
    readonly environment: Environment;
    readonly configJson: string | undefined;
    readonly apiKey: string;
    readonly cwd: string;
  },
): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...environment, ...env })) {
    if (value !== undefined && (name in env || !NOT_INHERITED.includes(name))) all[name] = value;
  }
  const ofObject = configJson === undefined ? undefined : (config as { dataDir?: string })?.dataDir;
  const folder = dataDir ?? ofObject ?? all[HOST_ENV.dataDir];
  return {
    ...all,
    NO_COLOR: "1",
    ...(folder === undefined ? {} : { [HOST_ENV.dataDir]: resolve(cwd, folder) }),
    ...(configJson === undefined ? {} : { [HOST_ENV.configJson]: configJson }),
    [HOST_ENV.host]: "127.0.0.1",
    [HOST_ENV.port]: String(port),
    [HOST_ENV.apiKey]: apiKey,
    [HOST_ENV.logFormat]: "json",
    [HOST_ENV.parent]: "stdin",
  };
}

/** Returns a key of 256 random bits. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return [...bytes].map((it) => it.toString(16).padStart(2, "0")).join("");
}

function startupFailed(why: string, output: HostOutput, cause?: unknown): SnakedenError {
  const lines = output.lastLines;
  return new SnakedenError("startup_failed", `Cannot start a host: ${why}`, {
    ...(lines === "" ? {} : { output: `; its last output:${lines}` }),
    ...(cause === undefined ? {} : { cause }),
  });
}
