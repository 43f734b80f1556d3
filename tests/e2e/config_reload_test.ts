/** The configuration is read anew while the host runs, and no call is dropped. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { defineTool, loadConfig, Snakeden } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { ADAPTERS, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

/** A host whose configuration is a file that the test writes. */
class FileDen implements AsyncDisposable {
  private constructor(readonly den: Snakeden, readonly file: string, readonly dir: string) {}

  static async start(config: Record<string, unknown>, name = "config.json"): Promise<FileDen> {
    const dir = await Deno.makeTempDir({ prefix: "snakeden-test-" });
    const file = join(dir, name);
    await write(file, { dir, config });
    const loaded = await loadConfig({ file, env: () => undefined });
    return new FileDen(await Snakeden.start(loaded), file, dir);
  }

  async write(config: Record<string, unknown>): Promise<void> {
    await write(this.file, { dir: this.dir, config });
  }

  get pids(): number[] {
    return this.den.workers.list().map(({ pid = 0 }) => pid).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.den.stop();
    assert.deepEqual(workersOf({ runId: this.den.runId }), []);
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function write(
  file: string,
  { dir, config }: { readonly dir: string; readonly config: Record<string, unknown> },
): Promise<void> {
  const whole = {
    dataDir: join(dir, "data"),
    python: { executable: await devPython() },
    ...config,
  };
  const text = JSON.stringify(whole);
  await Deno.writeTextFile(file, file.endsWith(".ts") ? `export default ${text};` : text);
}

const BUSY = { adapter: "stays_busy", modulePaths: [ADAPTERS] };

Deno.test("Snakeden.reload() adds, replaces and removes pools as the file says, and leaves the others alone", async () => {
  await using it = await FileDen.start({
    pools: [
      { name: "same", size: 1, ...BUSY },
      { name: "other", size: 1, ...BUSY },
      { name: "gone", size: 1 },
    ],
  });
  const { den } = it;
  const pidIn = (pool: string): Promise<number> => den.execute<number>("pid", {}, { pool });
  const [same, other] = [await pidIn("same"), await pidIn("other")];
  await it.write({
    pools: [
      { name: "new", size: 1, ...BUSY },
      { name: "other", size: 1, ...BUSY, env: { MARK: "1" } },
      { name: "same", size: 1, ...BUSY },
    ],
  });
  assert.deepEqual(await den.reload(), {
    pools: { added: ["new"], changed: ["other"], adjusted: [], removed: ["gone"] },
    applied: [],
    needsRestart: [],
  });
  assert.deepEqual(den.pools.list().map(({ name }) => name), ["new", "other", "same"]);
  assert.equal(await pidIn("same"), same);
  assert.notEqual(await pidIn("other"), other);
  assert.ok(await pidIn("new") > 0);
  await assert.rejects(den.execute("ping", {}, { pool: "gone" }), { code: "unknown_pool" });
  await until(() => it.pids.length === 3, "the old workers to be gone");
  assert.deepEqual(await den.reload(), {
    pools: { added: [], changed: [], adjusted: [], removed: [] },
    applied: [],
    needsRestart: [],
  });
});

Deno.test("Snakeden.reload() lets the calls of a replaced pool wait and run to their ends", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1, ...BUSY }] });
  const { den } = it;
  const running = den.execute("count", { seconds: 1 });
  const waiting = den.execute("pid");
  const old = it.pids;
  await it.write({ pools: [{ name: "default", size: 1, ...BUSY, env: { MARK: "1" } }] });
  await den.reload();
  // The new worker serves while the old one finishes.
  assert.ok(!old.includes(await den.execute<number>("pid")));
  assert.deepEqual([await running, await waiting], [old[0], old[0]]);
  await until(() => it.pids.length === 1, "the old worker to be gone");
  const { requests, completed } = den.pools.get("default").stats;
  assert.deepEqual([requests, completed], [3, 3]);
});

Deno.test("Snakeden.reload() keeps what was counted of the workers of a pool that it replaces", async () => {
  const pool = { name: "default", size: 1, ...BUSY };
  await using it = await FileDen.start({ pools: [pool] });
  const { den } = it;
  const counts = (): number[] => {
    const { stats: { restarts, recycled }, crashes: { total } } = den.pools.get("default");
    return [restarts, recycled, total];
  };
  await den.pools.recycle({ pool: "default" });
  const pid = await den.execute<number>("pid");
  signalPid(pid, "SIGKILL");
  await until(() => counts()[0] === 2 && den.pools.get("default").state === "ready", "another one");
  assert.deepEqual(counts(), [2, 1, 1]);
  for (const MARK of ["1", "2"]) {
    await it.write({ pools: [{ ...pool, env: { MARK } }] });
    assert.deepEqual((await den.reload()).pools.changed, ["default"]);
    assert.deepEqual(counts(), [2, 1, 1]);
    await until(() => it.pids.length === 1, "the old worker to be gone");
    assert.deepEqual(counts(), [2, 1, 1]);
  }
  await den.pools.recycle({ pool: "default" });
  assert.deepEqual(counts(), [3, 2, 1]);
  // A pool that was removed leaves nothing to one that is new.
  await it.write({ pools: [{ ...pool, name: "other" }] });
  await den.reload();
  await it.write({ pools: [pool] });
  await den.reload();
  assert.deepEqual(counts(), [0, 0, 0]);
});

Deno.test("Snakeden.reload() leaves a pool that it replaces paused, and lets go the calls of one that it removes", async () => {
  const kept = { name: "kept", size: 1, ...BUSY };
  await using it = await FileDen.start({ pools: [kept, { name: "gone", size: 1, ...BUSY }] });
  const { den } = it;
  for (const pool of ["kept", "gone"]) den.pools.pause(pool);
  const ofGone = den.execute("pid", {}, { pool: "gone" });
  const before = den.execute<number>("pid", {}, { pool: "kept" });
  const old = it.pids;
  await it.write({ pools: [{ ...kept, env: { MARK: "1" } }] });
  await den.reload();
  assert.ok(old.includes(Number(await ofGone)));
  assert.equal(den.pools.get("kept").paused, true);
  const after = den.execute<number>("pid", {}, { pool: "kept" });
  assert.deepEqual(den.pools.get("kept").stats.completed, 0);
  den.pools.resume("kept");
  assert.ok(old.includes(await before));
  assert.ok(!old.includes(await after));
  await until(() => it.pids.length === 1, "the old workers to be gone");
});

Deno.test("Snakeden.reload() of a broken configuration changes nothing, and says what is wrong", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1, ...BUSY }] });
  const { den } = it;
  const before = it.pids;
  const broken: [Record<string, unknown> | string, RegExp][] = [
    ["{", /it is not JSON/],
    [{ pools: [{ name: "default", size: 0 }] }, /pools\[0\]\.size: given 0; allowed/],
    [{ pool: [] }, /pool/],
    [
      {
        pools: [{ name: "added", size: 1 }, {
          name: "default",
          adapter: "no_such_module",
          size: 1,
        }],
      },
      /pools\[1\]: the pool default cannot be used: .*no_such_module/s,
    ],
    [
      { pools: [{ name: "default", size: 1, python: { executable: "/no/such/python" } }] },
      /pools\[0\]: the pool default cannot be used: .*\/no\/such\/python/s,
    ],
  ];
  for (const [config, message] of broken) {
    if (typeof config === "string") await Deno.writeTextFile(it.file, config);
    else await it.write(config);
    await assert.rejects(den.reload(), { code: "config_invalid", message });
    assert.deepEqual(den.pools.list().map(({ name, state }) => [name, state]), [
      ["default", "ready"],
    ]);
    assert.deepEqual(it.pids, before);
  }
  await Deno.remove(it.file);
  await assert.rejects(den.reload(), { code: "config_invalid", message: /there is no such file/ });
  assert.ok(before.includes(await den.execute<number>("pid")));
});

Deno.test("Snakeden.reload() that asks for more workers than maxWorkers changes nothing", async () => {
  const pools = [{ name: "default", size: 1, ...BUSY }];
  await using it = await FileDen.start({ pools });
  const { den } = it;
  await it.write({ maxWorkers: 2, pools: [{ ...pools[0], size: 3 }] });
  await assert.rejects(den.reload(), {
    code: "config_invalid",
    message: /maxWorkers: given 2, but the pools keep 3 workers at least/,
  });
  assert.equal(den.pools.get("default").size, 1);
  // Pools that become smaller make room for those that are new.
  await it.write({ maxWorkers: 3, pools: [{ ...pools[0], size: 3 }] });
  await den.reload();
  await it.write({ maxWorkers: 3, pools: [...pools, { name: "more", size: 2, ...BUSY }] });
  const { pools: { added, adjusted } } = await den.reload();
  assert.deepEqual([added, adjusted], [["more"], ["default"]]);
});

Deno.test("Snakeden.reload() replaces a pool that has devices for fewer workers than the file asks for", async () => {
  const pool = { name: "default", size: 1, devices: "cpu", ...BUSY };
  await using it = await FileDen.start({ pools: [pool] });
  await it.write({ pools: [{ ...pool, size: 2 }] });
  const { pools: { changed, adjusted } } = await it.den.reload();
  assert.deepEqual([changed, adjusted, it.den.pools.get("default").size], [["default"], [], 2]);
});

Deno.test("Snakeden.reload() whose host tools are refused leaves no worker of its new pools", async () => {
  const pools = [{ name: "default", size: 1, ...BUSY }];
  await using it = await FileDen.start({ pools }, "config.ts");
  const { den, pids } = it;
  using _tools = den.tools.register(defineTool({ name: "mine", run: () => 1 }));
  await it.write({ pools: [...pools, { name: "more", size: 1, ...BUSY }] });
  const text = await Deno.readTextFile(it.file);
  const mod = new URL("../../mod.ts", import.meta.url);
  const tools = 'hostTools: [defineTool({ name: "mine", run: () => 2 })]';
  await Deno.writeTextFile(
    it.file,
    `import { defineTool } from "${mod}";\n${text.replace("{", `{ ${tools},`)}`,
  );
  await assert.rejects(den.reload(), { code: "tool_exists" });
  assert.deepEqual([it.pids, workersOf({ runId: den.runId })], [pids, pids]);
  assert.equal(await den.execute("mine"), 1);
});

Deno.test("Snakeden.reload() applies the settings that can change, and names those that need a restart", async () => {
  const pools = [{ name: "default", size: 1 }];
  await using it = await FileDen.start({ pools });
  const { den } = it;
  await it.write({
    pools,
    port: 9999,
    drainMs: 20_000,
    limits: { maxCallDepth: 3, maxDepth: 100 },
    jobs: { maxAttempts: 7, maxArgsBytes: 1024, leaseMs: 20_000 },
  });
  const result = await den.reload();
  assert.deepEqual(result.applied, [
    "drainMs",
    "jobs.maxArgsBytes",
    "jobs.maxAttempts",
    "limits.maxCallDepth",
  ]);
  assert.deepEqual(result.needsRestart, ["jobs.leaseMs", "limits.maxDepth", "port"]);
  assert.equal(den.config.jobs.maxAttempts, 7);
  assert.notEqual(den.config.port, 9999);
  const { id } = await den.jobs.submit({ kind: "call", tool: "ping" });
  assert.equal((await den.jobs.get(id)).maxAttempts, 7);
  await assert.rejects(
    den.jobs.submit({ kind: "call", tool: "echo", args: { value: "x".repeat(2_000) } }),
    { code: "invalid_input", message: /at most 1024/ },
  );
  const again = await den.reload();
  assert.deepEqual(again.applied, []);
  assert.deepEqual(again.needsRestart, ["jobs.leaseMs", "limits.maxDepth", "port"]);
});

Deno.test("Snakeden.reload() imports a .ts configuration anew, also twice in a millisecond, but not its imports", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1 }] }, "config.ts");
  const { den } = it;
  const python = JSON.stringify({ executable: await devPython() });
  const write = (text: string): Promise<void> =>
    Deno.writeTextFile(
      it.file,
      `import { size } from "./size.ts";
       export default {
         dataDir: ${JSON.stringify(join(it.dir, "data"))},
         python: ${python},
         pools: [{ name: "default", size, ${text} }],
       };`,
    );
  const sizeFile = join(it.dir, "size.ts");
  await Deno.writeTextFile(sizeFile, "export const size = 2;");
  await write("queueLimit: 10");
  assert.deepEqual((await den.reload()).pools.changed, ["default"]);
  assert.equal(den.pools.get("default").size, 2);
  const { mtime } = await Deno.stat(it.file);
  await Deno.writeTextFile(sizeFile, "export const size = 1;");
  await write("queueLimit: 20");
  await Deno.utime(it.file, mtime ?? 0, mtime ?? 0);
  await den.reload();
  const { size, queueLimit } = den.pools.get("default");
  assert.deepEqual([size, queueLimit], [2, 20]);
});

Deno.test("Snakeden.reload() resizes a pool, and changes its policies, with the same workers", async () => {
  const pool = { name: "default", ...BUSY };
  await using it = await FileDen.start({ pools: [{ ...pool, size: 1 }] });
  const { den } = it;
  const [pid] = it.pids;
  await it.write({
    pools: [{ ...pool, size: 2, breaker: {} }],
  });
  assert.deepEqual((await den.reload()).pools.adjusted, ["default"]);
  await until(() => it.pids.length === 2, "the second worker");
  assert.ok(it.pids.includes(pid ?? 0));
  assert.equal(den.pools.get("default").policies?.circuit?.state, "closed");
  den.pools.resize("default", { size: 3 });
  // The file says two.
  assert.deepEqual((await den.reload()).pools.adjusted, ["default"]);
  await until(() => it.pids.length === 2, "the third worker to be gone");
});

Deno.test("Two Snakeden.reload() at once run one after the other", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1 }] });
  const { den } = it;
  await it.write({ pools: [{ name: "default", size: 1 }, { name: "more", size: 1 }] });
  const results = await Promise.all([den.reload(), den.reload()]);
  assert.deepEqual(results.map(({ pools }) => pools.added), [["more"], []]);
});

Deno.test("Snakeden.reload() leaves a pool that was added while the host runs", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1 }] });
  const { den } = it;
  await den.pools.add({ name: "own", size: 1 });
  await den.pools.remove("default");
  const { pools } = await den.reload();
  assert.deepEqual(pools, { added: ["default"], changed: [], adjusted: [], removed: [] });
  assert.deepEqual(den.pools.list().map(({ name }) => name), ["default", "own"]);
});

Deno.test("Sessions that are bound to the workers of a replaced pool learn that these are gone", async () => {
  await using it = await FileDen.start({ pools: [{ name: "default", size: 1 }] });
  const { den } = it;
  await den.sessions.open("stored");
  for (const sessionId of ["stored", "free"]) {
    await den.execute("ping", {}, { sessionId, affinity: "strict_queue" });
  }
  await it.write({ pools: [{ name: "default", size: 1, env: { MARK: "1" } }] });
  await den.reload();
  for (const sessionId of ["stored", "free"]) {
    await assert.rejects(den.execute("ping", {}, { sessionId, affinity: "strict_queue" }), {
      code: "session_worker_unavailable",
      message: /its pool, which was replaced/,
    });
  }
});

Deno.test("20 reloads under a steady load of calls, streams and jobs fail none", async () => {
  const pool = (mark: number): Record<string, unknown> => ({
    pools: [
      { name: "default", size: 2, modulePaths: [ADAPTERS], env: { MARK: String(mark) } },
      { name: `only-${mark % 2}`, size: 1 },
    ],
  });
  await using it = await FileDen.start(pool(0));
  const { den } = it;
  const failures: unknown[] = [];
  let [going, answers] = [true, 0];
  const load = async (work: () => Promise<unknown>): Promise<void> => {
    while (going) await work().then(() => answers++, (error) => failures.push(error));
  };
  const jobs: string[] = [];
  const work = [
    ...[1, 2, 3, 4].map(() => load(() => den.execute("echo", { value: 1 }))),
    load(() => den.execute("sleep", { seconds: 0.05 })),
    load(async () => {
      let last = 0;
      for await (const n of den.stream<number>("counter", { n: 20 })) last = n;
      assert.equal(last, 19);
    }),
    load(async () => {
      const { id } = await den.jobs.submit({
        kind: "call",
        tool: "sleep",
        args: { seconds: 0.02 },
      });
      jobs.push(id);
      assert.equal((await den.jobs.wait(id)).state, "completed");
    }),
  ];
  for (let i = 1; i <= 20; i++) {
    await it.write(pool(i));
    const { pools } = await den.reload();
    assert.deepEqual(pools.changed, ["default"]);
  }
  going = false;
  await Promise.all(work);
  assert.deepEqual(failures, []);
  assert.ok(answers > 0 && jobs.length > 0);
  for (const id of jobs) assert.equal((await den.jobs.get(id)).attempt, 1);
  await until(() => it.pids.length === 3, "the old workers to be gone");
});
