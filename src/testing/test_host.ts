import { join, resolve } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { SnakedenClient } from "../client/mod.ts";
import { HOST_ENV } from "../environment_names.ts";
import { InvalidInputError, SnakedenError } from "../errors.ts";
import { readVariable } from "../granted.ts";
import { createApp, HttpListener, Traffic } from "../routes/mod.ts";
import { Snakeden, type SnakedenOptions } from "../snakeden.ts";

/** The data directory whose Python environments all hosts of tests share. */
const DATA_DIR = ".snakeden";
const ADDRESS = "127.0.0.1";

/** Options of {@link startTestHost}: those of `Snakeden.start()`, and one for short. */
export interface TestHostOptions extends Omit<SnakedenOptions, "dataDir" | "host"> {
  /** The adapter, or adapters, of one pool `default` with one worker; in place of `pools`. */
  readonly adapter?: string | string[];
  /** The folders where `adapter` is looked for. Default: the working directory. */
  readonly modulePaths?: string[];
}

/** A real host for a test, on a free port, with a data directory that is removed at its end. */
export class TestHost implements AsyncDisposable {
  /** The host as a library. */
  readonly den: Snakeden;
  /** The host over HTTP. */
  readonly client: SnakedenClient;
  /** The URL of the host. */
  readonly url: string;
  /** Its data directory. */
  readonly dataDir: string;
  readonly #resources: AsyncDisposableStack;

  /** Used by {@link startTestHost}. */
  constructor(
    parts: Pick<TestHost, "den" | "client" | "url" | "dataDir">,
    resources: AsyncDisposableStack,
  ) {
    this.den = parts.den;
    this.client = parts.client;
    this.url = parts.url;
    this.dataDir = parts.dataDir;
    this.#resources = resources;
  }

  /** Ends the host at once, and removes its data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/**
 * Starts a host for a test. It uses the Python environments of `SNAKEDEN_DATA_DIR`, else of
 * `.snakeden` in the working directory, so only the first start of all builds one; everything else
 * is stored in a temporary folder. The log stays silent unless `SNAKEDEN_LOG_LEVEL` names a level.
 * Running calls are cut off when it ends.
 *
 * @throws {InvalidInputError} `config_invalid` if `adapter` or `modulePaths` is given beside
 * `pools`.
 * @throws {SnakedenError} `startup_failed` if a pool could start no worker, and the errors of
 * {@link Snakeden.start}. After an error nothing is left.
 */
export async function startTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const { adapter, modulePaths, ...input } = options;
  const pool = { ...(adapter && { adapter }), ...(modulePaths && { modulePaths }) };
  for (const path of input.pools === undefined ? [] : Object.keys(pool)) {
    const message = "given beside pools; allowed: one of the two";
    throw new InvalidInputError(`Cannot start a host for a test: ${path}: ${message}`, [
      { path, message },
    ], "config_invalid");
  }
  const resources = new AsyncDisposableStack();
  try {
    const dataDir = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-test-" }));
    resources.defer(() => Deno.remove(dataDir, { recursive: true }));
    await sharePython(dataDir);
    const den = await Snakeden.start({
      ...input,
      pools: input.pools ?? [{ name: "default", size: 1, ...pool }],
      dataDir,
      host: ADDRESS,
    });
    // The calls of the host end before its listener, which waits for their answers.
    const ends = [(): Promise<void> => den.stop({ drainMs: 0 })];
    resources.defer(async () => {
      for (const end of ends) await end();
    });
    assertReady(den);
    const traffic = resources.use(new Traffic(den.config.limits, { freesSent: true }).start());
    const app = createApp(den, { version: denoJson.version, traffic });
    const { config } = den;
    const place = { ...config, ...config.limits, port: input.port ?? 0 };
    const listener = HttpListener.open(place, app.fetch);
    ends.push(() => listener[Symbol.asyncDispose]());
    const { url } = listener;
    const [apiKey] = [config.apiKey ?? []].flat();
    const client = new SnakedenClient({
      baseUrl: url,
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    ends.unshift(() => client.close());
    return new TestHost({ den, client, url, dataDir }, resources.move());
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/** @throws {SnakedenError} `startup_failed` if a pool has no worker, which may come much later. */
function assertReady(den: Snakeden): void {
  const down = den.pools.list().filter(({ state }) => state !== "ready");
  if (down.length === 0) return;
  const list = down.map(({ name, state, reason = state }) => `${name}: ${reason}`).join("\n");
  throw new SnakedenError("startup_failed", `Cannot start a host for a test\n${list}`);
}

/** Gives a data directory the Python environments of another one, which processes may share. */
async function sharePython(dataDir: string): Promise<void> {
  const shared = join(resolve(readVariable(HOST_ENV.dataDir) || DATA_DIR), "python");
  await Deno.mkdir(shared, { recursive: true });
  await Deno.symlink(shared, join(dataDir, "python"));
}
