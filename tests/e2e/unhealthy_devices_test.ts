import assert from "node:assert/strict";
import { join } from "node:path";
import type { HardwareInfo, PoolInfo, Readiness, WorkerInfo } from "../../mod.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { fakeNvidiaSmi } from "../fixtures/vendor_tools.ts";

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** The device that the call has used, or the code of the error. */
  readonly end: string;
  readonly body: Record<string, unknown>;
}

const BOTH_HEALTHY = { "cuda:0": { health: "healthy" }, "cuda:1": { health: "healthy" } };

/** A server with one pool on two fake GPUs, two workers on each. */
class GpuServer implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #server: ServerProcess;
  readonly #broken: string;
  #turn = 0;

  private constructor(resources: AsyncDisposableStack, server: ServerProcess, broken: string) {
    this.#resources = resources;
    this.#server = server;
    this.#broken = broken;
  }

  static async start(): Promise<GpuServer> {
    await using resources = new AsyncDisposableStack();
    const dir = resources.use(await tempDir());
    const tools = resources.use(await fakeNvidiaSmi({ gpus: [{}, {}] }));
    const broken = join(dir.path, "broken");
    const file = join(dir.path, "snakeden.config.json");
    const pool = {
      name: "default",
      adapter: "needs_device",
      modulePaths: [ADAPTERS],
      devices: "cuda",
      workersPerDevice: 2,
      pipelineBudgetMs: 0,
      taintAfter: 3,
      taintMs: 1_000,
    };
    await Deno.writeTextFile(file, JSON.stringify({ pools: [pool] }));
    await Deno.writeTextFile(broken, "");
    const dataDir = join(dir.path, "data");
    const env = { SNAKEDEN_CONFIG: file, PATH: tools.path };
    const server = resources.use(await ServerProcess.start({ dataDir, env }));
    return new GpuServer(resources.move(), server, broken);
  }

  get log(): string {
    return this.#server.stderr;
  }

  /** Sets the devices that end each process that uses them. */
  async setBroken(...devices: string[]): Promise<void> {
    await Deno.writeTextFile(this.#broken, devices.join(" "));
  }

  /** Makes as many calls at once as there are slots. */
  async useAll(): Promise<Answer[]> {
    return await Promise.all(Array.from({ length: 4 }, () => this.#use()));
  }

  async #use(): Promise<Answer> {
    const turn = ++this.#turn;
    const response = await fetch(`${this.#server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool: "use", args: { broken: this.#broken, turn } }),
    });
    const body = await response.json();
    const end = String(body.result ?? body.code).replace(` in turn ${turn}`, "");
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      end,
      body,
    };
  }

  async readiness(): Promise<Readiness & { readonly status: number }> {
    const response = await fetch(`${this.#server.url}/readyz`);
    return { ...await response.json(), status: response.status };
  }

  async pool(): Promise<PoolInfo> {
    return await (await fetch(`${this.#server.url}/v1/pools/default`)).json();
  }

  /** Returns the health of each device but the processor. */
  async hardware(): Promise<Record<string, string>> {
    const { devices }: HardwareInfo = await (await fetch(`${this.#server.url}/v1/hardware`)).json();
    return Object.fromEntries(
      devices.filter(({ kind }) => kind !== "cpu").map(({ id, health }) => [id, health]),
    );
  }

  /** Returns the ids of the workers that serve. */
  async serving(): Promise<string> {
    const { workers } = await (await fetch(`${this.#server.url}/v1/workers`)).json();
    return (workers as WorkerInfo[]).filter(({ state }) => state === "ready" || state === "busy")
      .map(({ id }) => id).sort().join();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

Deno.test("given a broken GPU, its slots stay empty, the other one serves, and /readyz shows it until it works again", async () => {
  await using it = await GpuServer.start();
  assert.deepEqual((await it.readiness()).devices, BOTH_HEALTHY);
  await it.setBroken("0");
  const { status, devices = {} } = await until(async () => {
    for (const { end } of await it.useAll()) assert.match(end, /^(?:1|worker_crashed)$/);
    const readiness = await it.readiness();
    const isUnhealthy = readiness.devices?.["cuda:0"]?.health === "unhealthy";
    return isUnhealthy && await it.serving() === "default-2,default-4" && readiness;
  }, "only workers of cuda:1 are left");
  assert.equal(status, 200, "the pool goes on");
  assert.deepEqual(devices["cuda:1"], { health: "healthy" });
  assert.match(devices["cuda:0"]?.reason ?? "", /crashed .*; it is (?:being )?tried again/);
  const { unhealthyDevices } = await it.pool();
  assert.deepEqual(unhealthyDevices.map(({ deviceId }) => deviceId), ["cuda:0"]);
  assert.deepEqual(await it.hardware(), { "cuda:0": "unhealthy", "cuda:1": "healthy" });
  await it.setBroken();
  const used = new Set<string>();
  await until(
    async () => {
      for (const { end } of await it.useAll()) used.add(end);
      return used.has("0") && await it.serving() === "default-1,default-2,default-3,default-4";
    },
    "all slots are filled again",
    { timeoutMs: 60_000 },
  );
  assert.deepEqual((await it.readiness()).devices, BOTH_HEALTHY);
  assert.deepEqual(await it.hardware(), { "cuda:0": "healthy", "cuda:1": "healthy" });
  const changes = it.log.split("\n").filter((line) => /cuda:\d is/.test(line));
  assert.match(
    changes[0] ?? "",
    /cuda:0 is unhealthy: its workers crashed 3 times within 60000 ms/,
  );
  assert.match(changes.at(-1) ?? "", /cuda:0 is healthy again: a worker has answered a call on it/);
});

Deno.test("given a pool whose GPUs are all broken, calls get device_unavailable at once, until one works", async () => {
  await using it = await GpuServer.start();
  await it.setBroken("0", "1");
  const refused = await until(async () => {
    const answers = await it.useAll();
    for (const { end } of answers) assert.match(end, /^(?:worker_crashed|device_unavailable)$/);
    return answers.find(({ end }) => end === "device_unavailable");
  }, "the pool has no device left");
  assert.deepEqual([refused.status, refused.body["retryable"]], [503, true]);
  assert.match(refused.retryAfter ?? "", /^[1-5]$/);
  const { tried } = refused.body["details"] as { tried: { want: string; why: string }[] };
  assert.deepEqual(tried.map(({ want }) => want).sort(), ["cuda:0", "cuda:1"]);
  for (const { why } of tried) assert.match(why, /crashed .*; it is (?:being )?tried again/);
  await it.setBroken("1");
  await until(
    async () => (await it.useAll()).some(({ end }) => end === "0"),
    "a worker has tried cuda:0",
    { timeoutMs: 60_000 },
  );
});
