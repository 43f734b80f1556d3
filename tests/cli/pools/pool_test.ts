/** The commands of `pool` against a real server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type PoolInfo, SnakedenClient, type WorkerInfo } from "../../../src/client/mod.ts";
import { textWidth } from "../../../src/cli/terminal/mod.ts";
import { ADAPTERS, isAlive, ServerProcess, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";
import { type Run, RunningCli, type RunOptions } from "../cli_fixture.ts";

const BUSY = { adapter: "stays_busy", modulePaths: [ADAPTERS] };
const ELASTIC = { name: "elastic", min: 0, max: 3, ...BUSY };
const FIXED = { name: "fixed", size: 1, ...BUSY };

/** A server with pools, and the command line that works with it. */
class PoolHost implements AsyncDisposable {
  readonly client: SnakedenClient;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    parts: AsyncDisposableStack,
    readonly url: string,
    readonly folder: string,
  ) {
    this.#parts = parts;
    this.client = parts.use(new SnakedenClient({ baseUrl: url }));
  }

  static async open(pools: readonly object[]): Promise<PoolHost> {
    await using parts = new AsyncDisposableStack();
    const { path } = parts.use(await tempDir());
    const file = join(path, "snakeden.config.json");
    await Deno.writeTextFile(file, JSON.stringify({ pools }));
    const env = { SNAKEDEN_CONFIG: file };
    const server = parts.use(await ServerProcess.start({ dataDir: join(path, "data"), env }));
    return new PoolHost(parts.move(), server.url, path);
  }

  async write(config: unknown): Promise<void> {
    await Deno.writeTextFile(join(this.folder, "snakeden.config.json"), JSON.stringify(config));
  }

  start(args: readonly string[], options: RunOptions = {}): RunningCli {
    const env = { SNAKEDEN_URL: this.url, ...options.env };
    return new RunningCli(["pool", ...args], { now: Date.now, ...options, env });
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.start(args, options).ended;
  }

  /** Runs a command that succeeds without a word; returns its data. */
  async data(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(args);
    assert.deepEqual([status, stderr], [0, ""], args.join(" "));
    return stdout;
  }

  /** Starts a call that goes on until its worker is ended, and waits until it runs. */
  async keepBusy(
    pool: string,
  ): Promise<{ readonly worker: WorkerInfo; readonly end: Promise<unknown> }> {
    const sign = join(this.folder, crypto.randomUUID());
    const end = this.client.execute("count", { seconds: 600, sign }, { pool, timeoutMs: 600_000 })
      .catch((error) => error.code);
    await until(async () => await Deno.stat(sign).then(() => true, () => false), "the call to run");
    const workers = await this.client.workers.list();
    const worker = workers.find((it) => it.pool === pool && it.state === "busy");
    assert.ok(worker !== undefined);
    return { worker, end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

Deno.test("pool list and pool show describe pools as a table, as JSON and by name", async () => {
  await using host = await PoolHost.open([ELASTIC, { ...FIXED, profile: "process" }]);
  const listed = await host.data("list");
  const [head = "", elastic = "", fixed = "", ...rest] = listed.split("\n");
  assert.deepEqual(rest, [""]);
  assert.equal(
    head.replace(/ +/g, " "),
    "NAME STATE PROFILE LAUNCHER BUSY IDLE STARTING MIN MAX SPARE QUEUED DETAIL",
  );
  assert.equal(elastic.replace(/ +/g, " "), "elastic ready process spawn 0 0 0 0 3 0 0");
  assert.equal(fixed.replace(/ +/g, " "), "fixed ready process spawn 0 1 0 1 1 0 0");
  assert.equal(await host.data("ls", "-q"), "elastic\nfixed\n");
  const pools = await host.client.pools.list();
  assert.deepEqual(JSON.parse(await host.data("list", "--json")), { pools });
  assert.deepEqual(JSON.parse(await host.data("show", "fixed", "--json")), pools[1]);
  const lines = (await host.data("show", "fixed", "elastic", "--json")).trim().split("\n");
  assert.deepEqual(lines.map((it) => (JSON.parse(it) as PoolInfo).name), ["fixed", "elastic"]);
  const shown = await host.data("show", "fixed");
  assert.match(shown, /^pool {7}fixed\nstate {6}ready\nadapter {4}stays_busy\n/);
  assert.match(shown, /^workers {4}0 busy, 1 idle, 0 starting\nlimits {5}min 1, max 1, spare 0$/m);
  assert.match(shown, /^fixed-1 {2}ready +\d+ {2}spawn +0\/1 +0 +never /m);
  for (const columns of [100, 40, 12]) {
    const options = { columns, terminal: ["stdout"] as const };
    const { stdout } = await host.run(["list", "--color=never"], options);
    for (const line of stdout.trimEnd().split("\n")) assert.ok(textWidth(line) <= columns, line);
  }
  const none = await host.run(["show", "fixde", "elastic", "-q"]);
  assert.deepEqual([none.status, none.stdout], [3, "elastic\n"]);
  assert.match(
    none.stderr,
    /^error: [^]*fixed[^]*code: unknown_pool\n {2}hint: list the pools with/,
  );
});

Deno.test("pool start-ahead, workers and clean start, list and end the idle workers of a pool", async () => {
  await using host = await PoolHost.open([ELASTIC, { ...FIXED, min: 1, size: undefined, max: 2 }]);
  const text = await host.data("start-ahead", "elastic", "2");
  assert.match(text, /^Started in the pool elastic: elastic-\d, elastic-\d\n$/);
  const ids = (await host.data("workers", "elastic", "-q")).trim().split("\n");
  assert.deepEqual(ids, ["elastic-1", "elastic-2"]);
  // It was used last, so its column says so.
  await host.client.execute("pid", {}, { pool: "elastic" });
  const table = await host.data("workers", "elastic");
  assert.match(table, /^ID +STATE +PID +LAUNCHER +RUNNING +CALLS +USED +AGE +MEMORY +DETAIL\n/);
  assert.match(table, /^elastic-\d +ready +\d+ +spawn +0\/1 +0 +never .*B$/m);
  assert.match(table, /^elastic-\d +ready +\d+ +spawn +0\/1 +1 +(now|\d+ s ago) .*B$/m);
  const all = JSON.parse(await host.data("workers", "--json")) as { workers: WorkerInfo[] };
  assert.deepEqual(all.workers.map(({ id }) => id), [...ids, "fixed-1"]);
  // All that there may be: no error, since the pool is full then.
  assert.equal(await host.data("start-ahead", "elastic", "all", "-q"), "elastic-3\n");
  const full = await host.run(["start-ahead", "elastic", "2"]);
  assert.deepEqual([full.status, full.stdout], [0, ""]);
  assert.match(
    full.stderr,
    /^No worker was started in the pool elastic\.\n[^]*has its 3 workers\.\n$/,
  );
  // Never a busy one, and never one below min.
  const { worker, end } = await host.keepBusy("elastic");
  const cleaned = JSON.parse(await host.data("clean", "elastic", "--json")) as {
    workers: string[];
  };
  const idle = ["elastic-1", "elastic-2", "elastic-3"].filter((id) => id !== worker.id);
  assert.deepEqual(cleaned.workers.toSorted(), idle);
  const kept = await host.run(["clean", "fixed"]);
  assert.deepEqual([kept.status, kept.stdout], [0, ""]);
  assert.equal(kept.stderr, "No worker of the pool fixed is idle beyond min and spare.\n");
  assert.equal(await host.data("end", worker.id, "--hard", "-q"), `${worker.id}\n`);
  assert.equal(await end, "worker_crashed");
  await until(async () => await host.data("workers", "elastic", "-q") === "", "no worker");
});

Deno.test("pool start-ahead has status 1 if workers cannot be started", async () => {
  const broken = { name: "broken", adapter: "exits_at_import", modulePaths: [ADAPTERS] };
  await using host = await PoolHost.open([{ ...broken, min: 0, max: 2 }]);
  const { status, stdout, stderr } = await host.run(["start-ahead", "broken"]);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /The pool broken has \d of at most 2 workers; `deno task pool show broken`/);
});

Deno.test("pool end lets a worker finish its calls, and kills it with --hard", async () => {
  await using host = await PoolHost.open([FIXED]);
  const first = await host.keepBusy("fixed");
  const soft = host.start(["end", "fixed-1"]);
  const isTold = async (): Promise<boolean> =>
    (await host.client.workers.list()).some(({ replaceCause }) => replaceCause === "stopped");
  await until(isTold, "the worker to be told");
  // It runs its call to the end, and Ctrl-C ends only the wait.
  soft.interrupt();
  assert.equal((await soft.ended).status, 130);
  assert.ok(isAlive(first.worker.pid ?? 0));
  const hard = await host.run(["end", "nobody", "fixed-1", "--hard"]);
  assert.deepEqual([hard.status, hard.stdout], [3, "fixed-1 has ended.\n"]);
  assert.match(hard.stderr, /^error: [^]*"nobody"[^]*hint: list the workers with/);
});

Deno.test("pool resize, pause, resume and recycle change a pool, and show it", async () => {
  await using host = await PoolHost.open([ELASTIC, FIXED]);
  const poolOf = async (...args: string[]): Promise<PoolInfo> =>
    JSON.parse(await host.data(...args, "--json"));
  const { min, max, spare } = await poolOf("resize", "elastic", "--min", "1", "--spare", "1");
  assert.deepEqual([min, max, spare], [1, 3, 1]);
  assert.match(await host.data("resize", "elastic", "--size", "2"), /^elastic .* 2 +2 +1 +0\n$/m);
  const wrong = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(args);
    assert.deepEqual([status, stdout], [2, ""], args.join(" "));
    return stderr;
  };
  assert.match(await wrong("resize", "fixed"), /no number is given; allowed: --size, or any of/);
  assert.match(
    await wrong("resize", "fixed", "--max", "0"),
    /Allowed: a whole number from 1 to 256/,
  );
  assert.match(
    await wrong("resize", "fixed", "--size=2", "--min=1"),
    /^error: --size: given 2 beside/,
  );
  assert.match(await wrong("resize", "fixed", "--min=3"), /min: given 3; allowed: at most max, 1/);
  assert.match(await wrong("resize", "--size=2"), /missing required argument 'name'/);
  assert.match(await wrong("start-ahead", "fixed", "0"), /a whole number from 1 to 256, or all/);
  assert.match(
    await wrong("paus", "fixed"),
    /^error: unknown command 'paus'\n\(Did you mean pause\?\)/,
  );
  assert.match(await wrong("clean"), /missing required argument 'name'/);
  const paused = await host.data("pause", "fixed", "elastic");
  // Its first workers may still be on their way.
  assert.match(paused, /^fixed +paused [^]*^elastic +(paused |starting .* paused$)/m);
  const waiting = host.client.execute("pid", {}, { pool: "fixed" });
  await until(async () => (await poolOf("show", "fixed")).queued === 1, "the call to wait");
  assert.equal((await poolOf("resume", "fixed")).paused, false);
  assert.equal(typeof await waiting, "number");
  assert.equal(
    await host.data("recycle", "fixed"),
    "Replacing in the pool fixed: fixed-1\n",
  );
});

Deno.test("pool reload shows what has changed, and what is wrong with a configuration", async () => {
  await using host = await PoolHost.open([FIXED]);
  const same = await host.run(["reload"]);
  const nothing = { status: 0, stdout: "", stderr: "The configuration has not changed.\n" };
  assert.deepEqual(same, nothing);
  await host.write({
    pools: [{ ...FIXED, size: 2 }, ELASTIC],
    limits: { maxBodyBytes: 9_000_000, maxDepth: 50 },
  });
  assert.equal(
    await host.data("reload"),
    "added          elastic\nadjusted       fixed\napplied        limits.maxBodyBytes\nneeds restart  limits.maxDepth\n",
  );
  await host.write({
    pools: [{ ...FIXED, size: 3 }, ELASTIC],
    limits: { maxBodyBytes: 9_000_000, maxDepth: 50 },
  });
  assert.equal(await host.data("reload", "-q"), "fixed\n");
  await host.write({ pools: [FIXED] });
  assert.deepEqual(JSON.parse(await host.data("reload", "--json")).pools.removed, ["elastic"]);
  await host.write({ pools: [{ ...FIXED, size: 0 }] });
  const { status, stdout, stderr } = await host.run(["reload"]);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^error: [^]*size[^]*code: config_invalid\n {2}hint: correct the config/);
});
