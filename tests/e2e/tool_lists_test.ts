/** Pools that have had no worker since the host started list the tools that they had before. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { KvStore } from "../../src/kv/mod.ts";
import type { Snakeden } from "../../mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";

type PoolOptions = NonNullable<Parameters<typeof startDen>[0]>;

const CODE = `from snakeden import tool

@tool(timeout_ms=5_000)
def shout(text: str, times: int = 1) -> str:
    """Return a text in capitals."""
    return text.upper() * times
`;

/** A folder with an adapter, and a data directory. */
class Place implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(code = CODE): Promise<Place> {
    const place = new Place(await Deno.makeTempDir({ prefix: "snakeden-test-" }));
    for (const folder of [place.code, place.data]) await Deno.mkdir(folder);
    await place.write(code);
    return place;
  }

  get code(): string {
    return join(this.#root, "code");
  }

  get data(): string {
    return join(this.#root, "data");
  }

  async write(code: string, name = "kept.py"): Promise<void> {
    await Deno.writeTextFile(join(this.code, name), code);
  }

  /** Starts a host with a pool of 0 to 1 workers. */
  async start(pool: PoolOptions = {}, more: readonly PoolOptions[] = []): Promise<Snakeden> {
    const rest = { name: "default", min: 0, max: 1, adapter: "kept", modulePaths: [this.code] };
    const pools = [pool, ...more].map((it) => ({ ...rest, ...it }));
    return await startDen({}, { dataDir: this.data, pools });
  }

  /** Starts a host, makes a call, and stops it. */
  async call(
    tool: string,
    args: Record<string, unknown> = {},
    pool: PoolOptions = {},
  ): Promise<unknown> {
    await using den = await this.start(pool);
    return await den.execute(tool, args);
  }

  /** Returns the tools that a host lists before it has a worker, as `pool:name`. */
  async listed(pool: PoolOptions = {}, more: readonly PoolOptions[] = []): Promise<string[]> {
    await using den = await this.start(pool, more);
    const tools = namesIn(den);
    assert.deepStrictEqual(den.workers.list(), []);
    return tools;
  }

  /** Changes the rows below a key while no host has the store. */
  async tamper(first: string, change: (value: Uint8Array) => Uint8Array): Promise<void> {
    using kv = await Deno.openKv(KvStore.pathIn(this.data));
    let count = 0;
    for await (const { key, value } of kv.list<Uint8Array>({ prefix: [first] })) {
      await kv.set(key, change(value));
      count++;
    }
    assert.ok(count > 0, `a row of ${first}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

function namesIn(den: Snakeden): string[] {
  return den.tools.list().map(({ pool, name }) => `${pool}:${name}`);
}

for (const launcher of ["spawn", "prefork"] as const) {
  Deno.test(`A pool with min 0 (${launcher}) lists after a restart what it had, and starts no worker for it`, async () => {
    await using place = await Place.create();
    const pool = { launcher };
    let tools: unknown[];
    {
      await using den = await place.start(pool);
      assert.deepStrictEqual(den.tools.list(), []);
      assert.equal(await den.execute("shout", { text: "a", times: 2 }), "AA");
      tools = den.tools.list();
      assert.equal(tools.length, 1);
    }
    await using den = await place.start(pool);
    assert.deepStrictEqual(den.tools.list(), tools);
    assert.deepStrictEqual(den.tools.find("shout"), tools[0]);
    assert.deepStrictEqual([den.workers.list(), den.pools.get("default").state], [[], "ready"]);
    await assert.rejects(den.execute("shuot", {}), { code: "unknown_tool", message: /shout/ });
    assert.equal(den.workers.list().length, 1, "its worker has refused it");
    assert.equal(await den.execute("shout", { text: "b" }), "B");
    assert.deepStrictEqual(den.tools.list(), tools);
    await assert.rejects(den.execute("shuot", {}, { pool: "default" }), { code: "unknown_tool" });
  });
}

Deno.test("GET /v1/tools and the OpenAPI document have the tools of a pool without a worker", async () => {
  await using place = await Place.create();
  await place.call("shout", { text: "a" });
  const config = join(place.code, "snakeden.config.json");
  const pool = { name: "default", min: 0, max: 1, adapter: "kept", modulePaths: [place.code] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  await using server = await ServerProcess.start({
    dataDir: place.data,
    env: { SNAKEDEN_CONFIG: config },
  });
  const get = async (path: string) => await (await fetch(server.url + path)).json();
  const { tools } = await get("/v1/tools");
  assert.deepStrictEqual(tools.map((it: { name: string }) => it.name), ["shout"]);
  assert.deepStrictEqual(tools[0].inputSchema.required, ["text"]);
  assert.match(JSON.stringify(await get("/openapi.json")), /Return a text in capitals/);
  assert.deepStrictEqual(await get("/v1/workers"), { workers: [] });
});

Deno.test("The tools of other code, another adapter or another environment are not listed", async () => {
  await using place = await Place.create();
  await place.call("shout", { text: "a" });
  const others: PoolOptions[] = [{ env: { MODE: "b" } }, { expose: ["shout"] }];
  for (const other of others) {
    assert.deepStrictEqual(await place.listed(other), [], JSON.stringify(other));
    // Once the list did not match, it is gone.
    assert.deepStrictEqual(await place.listed(), []);
    await place.call("shout", { text: "a" });
    assert.deepStrictEqual(await place.listed(), ["default:shout"]);
  }
  // Also a module that the adapter may import only now.
  await place.write("", "helper.py");
  assert.deepStrictEqual(await place.listed(), []);
  await place.call("shout", { text: "a" });
  await place.write(CODE.replace("shout", "cry"));
  assert.deepStrictEqual(await place.listed(), []);
  assert.equal(await place.call("cry", { text: "a" }), "A");
  assert.deepStrictEqual(await place.listed(), ["default:cry"]);
});

Deno.test("Files that are no code, and caches, change nothing", async () => {
  await using place = await Place.create();
  await place.call("shout", { text: "a" });
  await place.write("1", "data.json");
  await Deno.mkdir(join(place.code, ".venv"));
  await place.write("x = 1", ".venv/module.py");
  assert.deepStrictEqual(await place.listed(), ["default:shout"]);
});

Deno.test("Code that changes while a worker loads it is not kept under the hash of either", async () => {
  // The file that the module writes is part of the code.
  const code = `${CODE}\nfrom pathlib import Path\nPath(__file__).with_name("new.py").touch()\n`;
  await using place = await Place.create(code);
  await place.call("shout", { text: "a" });
  assert.deepStrictEqual(await place.listed(), []);
  // Now it is there before.
  await place.call("shout", { text: "a" });
  assert.deepStrictEqual(await place.listed(), ["default:shout"]);
});

Deno.test("A list that is damaged or is none is ignored, with a word in the log", async () => {
  const half = (it: Uint8Array): Uint8Array => it.slice(0, it.length / 2);
  const foreign = (): Uint8Array => new TextEncoder().encode('{"type":"x","v":1,"data":{}}');
  const cases = [["tool_list", half], ["tool_list", foreign], ["chunk", half], [
    "chunk",
    () => new Uint8Array(9),
  ]] as const;
  await using place = await Place.create();
  for (const [first, change] of cases) {
    await place.call("shout", { text: "a" });
    await place.tamper(first, change);
    await using log = new LogSink();
    assert.deepStrictEqual(await place.listed(), []);
    assert.match(await log.text(), /set aside the record tool_list\/default\//);
    assert.deepStrictEqual(await place.listed(), []);
  }
  await place.call("shout", { text: "a" });
  assert.deepStrictEqual(await place.listed(), ["default:shout"]);
});

Deno.test("Each pool has its list, and the list of a pool that is gone is removed", async () => {
  await using place = await Place.create();
  await place.write(CODE.replace("shout", "cry"), "other.py");
  const second = { name: "second", adapter: "other" };
  {
    await using den = await place.start({}, [second]);
    await den.execute("shout", { text: "a" }, { pool: "default" });
    await den.execute("cry", { text: "a" }, { pool: "second" });
  }
  {
    await using den = await place.start({}, [second]);
    assert.deepStrictEqual(namesIn(den), ["default:shout", "second:cry"]);
    assert.equal(await den.execute("cry", { text: "a" }), "A");
    assert.deepStrictEqual(den.workers.list().map(({ pool }) => pool), ["second"]);
  }
  assert.deepStrictEqual(await place.listed(), ["default:shout"]);
  assert.deepStrictEqual(await place.listed({}, [second]), ["default:shout"]);
});

Deno.test("A pool that is added while the host runs lists what it had", async () => {
  await using place = await Place.create();
  const pool = { name: "late", min: 0, max: 1, adapter: "kept", modulePaths: [place.code] };
  await using den = await place.start({ adapter: "counts_sessions", modulePaths: [ADAPTERS] });
  await den.pools.add(pool);
  await den.execute("shout", { text: "a" }, { pool: "late" });
  await den.pools.remove("late");
  assert.deepStrictEqual(namesIn(den), []);
  await den.pools.add(pool);
  assert.deepStrictEqual(namesIn(den), ["late:shout"]);
});

Deno.test("A list of 500 tools with 3 MiB of schemas and descriptions is kept", async () => {
  await using place = await Place.create(`from snakeden import tool

def make(i):
    def run(text: str) -> str:
        return text
    run.__doc__ = f"Tool {i}. " + "é" * 3_000
    run.__name__ = run.__qualname__ = f"tool_{i}"
    return tool(run)

for i in range(500):
    globals()[f"tool_{i}"] = make(i)
`);
  await place.call("tool_7", { text: "a" });
  await using den = await place.start();
  const tools = den.tools.list();
  assert.equal(tools.length, 500);
  assert.ok(JSON.stringify(tools).length > 1_500_000);
});

Deno.test("Tools that a worker has registered are not kept", async () => {
  await using place = await Place.create();
  const pool = { adapter: "registers", modulePaths: [ADAPTERS] };
  {
    await using den = await place.start(pool);
    await den.execute("register", { name: "registered_now" });
    assert.ok(namesIn(den).includes("default:registered_now"));
  }
  const listed = await place.listed(pool);
  assert.ok(listed.includes("default:register"), listed.join());
  assert.ok(!listed.includes("default:registered_now"));
});

Deno.test("A pool at rest whose code was recycled takes a tool that only the new code has", async () => {
  await using place = await Place.create();
  await using den = await place.start({ idleTtlMs: 60_000 });
  await den.execute("shout", { text: "a" });
  assert.deepStrictEqual(den.pools.get("default").workers.ready, 1);
  den.pools.cleanIdle("default");
  await until(() => den.workers.list().length === 0, "the pool to be at rest");
  await place.write(CODE.replace("shout", "cry"));
  await assert.rejects(den.execute("cry", { text: "a" }), { code: "unknown_tool" });
  assert.deepStrictEqual(den.workers.list(), []);
  await den.pools.recycle({ pool: "default" });
  assert.equal(await den.execute("cry", { text: "a" }), "A");
  assert.deepStrictEqual(namesIn(den), ["default:cry"]);
  await den.stop();
  assert.deepStrictEqual(await place.listed(), ["default:cry"]);
});

Deno.test("A host whose store is in memory neither lists nor keeps tools", async () => {
  await using place = await Place.create();
  await place.call("shout", { text: "a" });
  await using first = await place.start();
  await using other = await tempDir();
  const pools = [{ name: "default", min: 0, max: 1, adapter: "kept", modulePaths: [place.code] }];
  await using second = await startDen({}, { dataDir: place.data, pools });
  assert.deepStrictEqual([namesIn(first), namesIn(second)], [["default:shout"], []]);
  assert.equal(await second.execute("shout", { text: "a" }), "A");
  await using third = await startDen({}, { dataDir: other.path, pools });
  assert.deepStrictEqual(namesIn(third), []);
});
