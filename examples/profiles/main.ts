/**
 * Asks a slow service for 24 prices at once: by workers that are processes, by the threads of one
 * worker, and by the tasks of one worker. Run it by
 *
 *     deno task run examples/profiles/main.ts
 */
import { runAsScript } from "snakeden";
import { SlowPrices } from "./slow_prices.ts";

const CALLS = 24;
const FOLDER = import.meta.dirname ?? ".";

await using service = new SlowPrices(200);
const pool = { modulePaths: [FOLDER], env: { PRICES_PORT: String(service.port) } };

await runAsScript(async (den) => {
  for (const { name } of den.pools.list()) {
    service.connections = service.busiest = 0;
    const items = Array.from({ length: CALLS }, (_, i) => `item ${i}`);
    const prices = await Promise.all(
      items.map((item) => den.execute("price", { item }, { pool: name })),
    );
    const workers = den.workers.list().filter((it) => it.pool === name).length;
    console.log(
      `${name}: ${prices.length} prices from ${workers} ${
        workers === 1 ? "process" : "processes"
      }, ` +
        `${service.busiest} at the same time, over ${service.connections} connections`,
    );
  }
}, {
  pools: [
    { ...pool, name: "processes", adapter: "blocking", size: 2 },
    {
      ...pool,
      name: "threads",
      adapter: "blocking",
      size: 1,
      profile: "thread",
      threadsPerWorker: 8,
      threadChecks: "warn",
    },
    {
      ...pool,
      name: "tasks",
      adapter: "awaiting",
      size: 1,
      profile: "async",
      concurrencyPerWorker: 100,
    },
  ],
});
