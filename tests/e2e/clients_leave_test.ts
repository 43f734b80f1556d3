/** Tests clients that leave although the server does not read from their connections. */
import assert from "node:assert/strict";
import { canListen } from "../fixtures/can_listen.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const encoder = new TextEncoder();
const TYPE = "content-type: application/json\r\n";
/** A body of 1 KB that calls `wait`. */
const WAIT = '{"tool":"wait","args":{"seconds":600}}'.padEnd(1_024);
const STREAM = '{"tool":"counter","args":{"n":1,"delay":600}}'.padEnd(1_024);
const STAY = '{"tool":"wait","args":{"seconds":4}}'.padEnd(1_024);
const SMALL = '{"tool":"ping"}';
/** One pool for each client, named after what the client does. */
const POOLS = ["json", "upload", "stream", "kept", "reset", "stays"] as const;

type PoolName = typeof POOLS[number];

interface PoolInfo {
  readonly name: PoolName;
  readonly workers: { readonly ready: number; readonly busy: number };
  readonly stats: { readonly cancelled: number; readonly completed: number };
}

function head(path: string, headers: string, body: { readonly length: number }): string {
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n` +
    `${headers}\r\n`;
}

async function poolsOf(url: string): Promise<Record<PoolName, PoolInfo>> {
  const { pools } = await (await fetch(`${url}/v1/pools`)).json();
  return Object.fromEntries((pools as PoolInfo[]).map((it) => [it.name, it])) as Record<
    PoolName,
    PoolInfo
  >;
}

/** A client that writes the head and the body of each request apart. */
class Client implements Disposable {
  readonly #connection: Deno.Conn;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(url: string): Promise<Client> {
    const { hostname, port } = new URL(url);
    const options = { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
    const connection = await Deno.connect(options);
    connection.setNoDelay(true);
    return new Client(connection);
  }

  async post(path: string, body: string | Uint8Array, headers = TYPE): Promise<void> {
    await this.#write(encoder.encode(head(path, headers, body)));
    // The server answers this only after it has read the head from the other connection.
    const { hostname, port } = this.#connection.remoteAddr as Deno.NetAddr;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    await (await fetch(`http://${host}:${port}/healthz`)).body?.cancel();
    await this.#write(typeof body === "string" ? encoder.encode(body) : body);
  }

  /** Reads until the text has come. */
  async read(text: RegExp): Promise<string> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4_096);
    let seen = "";
    while (!text.test(seen)) {
      const length = await this.#connection.read(buffer);
      if (length === null) throw new Error(`The connection ended after ${JSON.stringify(seen)}`);
      seen += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    return seen;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Calls a tool of each pool, from one client each. */
async function callAll(url: string, client: (name: PoolName) => Client): Promise<void> {
  const at = (pool: PoolName, path = "/v1/execute"): string => `${path}?pool=${pool}`;
  await client("json").post(at("json"), WAIT);
  await client("upload").post(
    `${at("upload")}&tool=wait&args=${encodeURIComponent('{"seconds":600}')}`,
    new Uint8Array(1_000_000),
    "content-type: application/octet-stream\r\n",
  );
  await client("stream").post(at("stream", "/v1/stream"), STREAM);
  await client("kept").post(at("kept"), SMALL);
  await client("kept").read(/"pong"/);
  await client("kept").post(at("kept"), WAIT);
  // A connection that is closed before all of it is read is reset.
  await client("reset").post(at("reset"), SMALL);
  await until(async () => (await poolsOf(url)).reset.stats.completed === 1, "its first answer");
  await client("reset").post(at("reset"), WAIT);
  await client("stays").post(at("stays"), STAY);
}

for (const host of ["127.0.0.1", "::1"]) {
  const name =
    `main() cancels the calls of clients that leave, however their requests came, and no other (${host})`;
  // Only Linux shows the connections; see docs/http.md.
  Deno.test({ name, ignore: Deno.build.os !== "linux" || !canListen(host) }, async () => {
    await using dir = await tempDir();
    const config = `${dir.path}/snakeden.config.json`;
    const pool = { size: 1, adapter: ["snakeden.demo", "waits"], modulePaths: [ADAPTERS] };
    const pools = POOLS.map((name) => ({ name, ...pool }));
    await Deno.writeTextFile(config, JSON.stringify({ pools }));
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      args: ["--host", host],
      env: { SNAKEDEN_CONFIG: config, SNAKEDEN_LOG_LEVEL: "debug" },
    });
    const { url } = server;
    const clients = new Map<PoolName, Client>();
    for (const name of POOLS) clients.set(name, await Client.connect(url));
    await callAll(url, (name) => {
      const client = clients.get(name);
      assert.ok(client);
      return client;
    });
    await until(async () => {
      const infos = Object.values(await poolsOf(url));
      return infos.every(({ workers }) => workers.busy === 1);
    }, "all calls to run");
    using staying = clients.get("stays");
    clients.delete("stays");
    for (const client of clients.values()) client[Symbol.dispose]();
    for (const name of clients.keys()) {
      await until(async () => {
        const { workers, stats } = (await poolsOf(url))[name];
        return stats.cancelled === 1 && workers.ready === 1;
      }, `the call of ${name} to be cancelled`);
    }
    assert.match(await staying?.read(/"result":\d/) ?? "", /200 OK/);
    assert.equal((await poolsOf(url)).stays.stats.cancelled, 0);
    assert.doesNotMatch(server.stderr, /cannot see which clients have left/);
  });
}
