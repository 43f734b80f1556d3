import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { BulkHostOptions } from "../bulk/host.ts";
import type { BulkCommand } from "../commands.ts";
import { CARRIERS } from "../flows/flow_pool.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const ITEMS = 1_000_000;
const ITEMS_PER_CALL = 8_000;
const WORKERS = [1, 2];

/** Items of bulk calls, which do nothing. */
export const bulk: Workload = {
  name: "bulk",
  summary: "1,000,000 items that do nothing, in bulk calls",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const items = bench.pace.quick ? ITEMS / 10 : ITEMS;
    await using resources = new AsyncDisposableStack();
    const subjects: Subject[] = [];
    for (const carrier of CARRIERS) {
      for (const workers of WORKERS) {
        const options: BulkHostOptions = {
          python: bench.installation.python,
          dataDir: join(HOME, `bulk-${carrier}-${workers}`),
          carrier,
          workers,
        };
        const host = resources.use(
          await MeasuringProcess.start<BulkCommand>("bench/bulk/host.ts", [
            JSON.stringify(options),
          ]),
        );
        subjects.push({
          name: `${workers} ${workers === 1 ? "worker" : "workers"}, ${carrier}`,
          measure: ({ isWarmUp }) =>
            host.run({ items: isWarmUp ? items / 10 : items, itemsPerCall: ITEMS_PER_CALL }),
        });
      }
    }
    bench.say("bulk");
    const medians = await bench.interleave(subjects);
    return [{
      workload: "bulk",
      title: "Bulk calls",
      about: "A tool with one argument returns it. A bulk call has " +
        `${ITEMS_PER_CALL.toLocaleString("en")} items, and one more call than there are workers ` +
        "is on its way. CPU is that of the Deno process and of its Pythons.",
      variants: "workers",
      columns: [
        { key: "itemsPerSecond", title: "items/s", unit: "", better: "more", chart: true },
        { key: "hostMicros", title: "Deno CPU an item", unit: "µs", better: "less" },
        { key: "workerMicros", title: "Python CPU an item", unit: "µs", better: "less" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};
