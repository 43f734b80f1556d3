import { equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** The tools, pools, workers and health of a host, and its machine. */
export const HOST_CASES: readonly Case[] = [
  {
    name: "tools.list() and tools.find() show the tools with their schemas",
    run: async ({ den }) => {
      const names = (await den.tools.list()).map(({ name }) => name);
      holds(names.includes("add") && names.includes("counter"), names.join());
      const tool = await den.tools.find("counter");
      equal([tool?.pool, tool?.streams, tool?.idempotent], ["default", true, false]);
      equal(tool?.inputSchema.type, "object");
      equal(await den.tools.find("add", "no_such_pool"), undefined);
      equal(await den.tools.find("no_such_tool"), undefined);
    },
  },
  {
    name: "pools.list() and pools.get() show the pools with their figures",
    run: async ({ den }) => {
      equal((await den.pools.list()).map(({ name }) => name), ["default"]);
      const pool = await den.pools.get("default");
      equal([pool.size, pool.profile], [2, "process"]);
      holds(pool.stats.completed > 0, "completed calls");
      const error = await failure(async () => await den.pools.get("defualt"));
      equal([error.code, error.details], ["unknown_pool", { pool: "defualt" }]);
    },
  },
  {
    name: "workers.list() and workers.get() show the workers",
    run: async ({ den }) => {
      await allReady(den);
      const workers = await den.workers.list();
      holds(workers.some(({ id }) => id === "default-1"), "default-1");
      const worker = await den.workers.get("default-1");
      equal([worker.pool, typeof worker.pid], ["default", "number"]);
      equal((await failure(async () => await den.workers.get("default-9"))).code, "unknown_worker");
    },
  },
  {
    name: "workers.stop() replaces a worker and resolves when it is gone",
    run: async ({ den }) => {
      await allReady(den);
      const { incarnation } = await den.workers.get("default-1");
      await den.workers.stop("default-1");
      const left = (await den.workers.list()).map((it) => it.incarnation);
      holds(!left.includes(incarnation), "gone");
      equal((await failure(() => den.workers.stop("default-9"))).code, "unknown_worker");
    },
  },
  {
    name: "pools.recycle() resolves when the old workers are gone",
    run: async ({ den }) => {
      await allReady(den);
      const old = (await den.workers.list()).map((it) => it.incarnation);
      await den.pools.recycle({ pool: "default" });
      const left = (await den.workers.list()).map((it) => it.incarnation);
      equal(left.filter((it) => old.includes(it)), []);
      equal(await den.execute("add", { a: 1, b: 1 }), 2);
      equal((await failure(() => den.pools.recycle({ pool: "no" }))).code, "unknown_pool");
    },
  },
  {
    name: "health.ready() and health.awaitReady() ask every pool",
    run: async ({ den }) => {
      await den.health.awaitReady({ timeoutMs: 60_000 });
      const { ready, pools } = await den.health.ready();
      equal([ready, pools.default?.ready], [true, true]);
    },
  },
  {
    name: "hardware.detect() shows the machine",
    run: async ({ den }) => {
      const { cpu, devices } = await den.hardware.detect();
      holds(cpu.usableCores >= 1, String(cpu.usableCores));
      equal(devices.at(-1)?.id, "cpu");
    },
  },
];

/** Waits until no worker is starting; the deadline of the test ends it otherwise. */
async function allReady(den: Parameters<Case["run"]>[0]["den"]): Promise<void> {
  while ((await den.workers.list()).filter(({ state }) => state === "ready").length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
