import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SnakedenOptions } from "snakeden";
import denoJson from "../../deno.json" with { type: "json" };
import type { Bench } from "../bench.ts";
import { Child, type ChildOptions } from "../child.ts";
import { type HttpServer, PAYLOAD, type StartServer } from "../contender.ts";
import { DATA_DIR, ROOT, WORKER_REQUIREMENTS } from "../installation.ts";

/** The settings of V8 that `deno task serve` has. */
const [V8_FLAGS = ""] = /--v8-flags=\S+/.exec(denoJson.tasks.serve.command) ?? [];

const START_TIMEOUT_MS = 60_000;

/** The servers that are measured over HTTP, by name. */
export const HTTP_SERVERS: Readonly<Record<string, StartServer>> = {
  "snakeden-http": startSnakeden,
  "fastapi": startFastApi,
  "hono": startHono,
};

/** Starts Snakeden with the demo adapter. */
async function startSnakeden(bench: Bench): Promise<HttpServer> {
  return await startSnakedenServer({
    pools: [{ name: "default", size: bench.workers }],
    python: { requirements: [WORKER_REQUIREMENTS] },
  }, {
    dataDir: DATA_DIR,
    path: "/v1/execute",
    body: JSON.stringify({ tool: "echo", args: PAYLOAD }),
  });
}

/**
 * Starts Snakeden as `deno task serve` does, with its permissions. No other one may use the data
 * directory at the same time.
 */
export async function startSnakedenServer(
  config: SnakedenOptions,
  { dataDir, ...request }: {
    readonly dataDir: string;
    readonly path: string;
    readonly body: string;
  },
): Promise<HttpServer> {
  const file = join(dataDir, "snakeden.config.json");
  await Deno.mkdir(dataDir, { recursive: true });
  await Deno.writeTextFile(file, JSON.stringify(config));
  return await startServer(Deno.execPath(), {
    args: [
      ...["run", V8_FLAGS, "-P=serve", "--no-prompt", `--allow-write=/tmp,${dataDir}`],
      ...[join(ROOT, "main.ts"), "--config", file],
    ],
    cwd: ROOT,
    env: { SNAKEDEN_PORT: "0", SNAKEDEN_DATA_DIR: dataDir },
    stopSignal: "SIGTERM",
  }, request);
}

async function startFastApi(bench: Bench): Promise<HttpServer> {
  const script = fileURLToPath(new URL("fastapi_server.py", import.meta.url));
  return await startServer(
    await bench.installation.peerPython(),
    { args: [script] },
    { path: "/echo", body: JSON.stringify(PAYLOAD) },
  );
}

async function startHono(): Promise<HttpServer> {
  const script = fileURLToPath(new URL("hono_server.ts", import.meta.url));
  return await startServer(
    Deno.execPath(),
    { args: ["run", "--allow-net", "--config", join(ROOT, "deno.json"), script], cwd: ROOT },
    { path: "/echo", body: JSON.stringify(PAYLOAD) },
  );
}

async function startServer(
  program: string,
  options: ChildOptions,
  request: { readonly path: string; readonly body: string },
): Promise<HttpServer> {
  const child = Child.spawn(program, options);
  try {
    const line = await child.readLine(START_TIMEOUT_MS);
    const [, port] = /listening on http:\/\/.*:(\d+)/.exec(line) ?? [];
    if (port === undefined) throw new Error(`it says ${line} and no address`);
    return {
      pid: child.pid,
      port: Number(port),
      ...request,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}
