import { join } from "node:path";
import type { BatchJobHostOptions } from "../batchjob/host.ts";
import type { Bench, Subject } from "../bench.ts";
import type { BatchJobCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const ITEMS = 1_000_000;
const WORKERS = 2;
const SOURCES = ["inline", "iterable", "file"] as const;

/** Items of durable batches, which do nothing. */
export const batchjob: Workload = {
  name: "batchjob",
  summary: "1,000,000 items that do nothing, in a durable batch",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const items = bench.pace.quick ? ITEMS / 10 : ITEMS;
    await using resources = new AsyncDisposableStack();
    const subjects: Subject[] = [];
    for (const from of SOURCES) {
      const options: BatchJobHostOptions = {
        python: bench.installation.python,
        dataDir: join(HOME, `batchjob-${from}`),
        workers: WORKERS,
      };
      const host = resources.use(
        await MeasuringProcess.start<BatchJobCommand>("bench/batchjob/host.ts", [
          JSON.stringify(options),
        ]),
      );
      subjects.push({
        name: from,
        measure: ({ isWarmUp }) => host.run({ items: isWarmUp ? items / 10 : items, from }),
      });
    }
    bench.say("batchjob");
    const medians = await bench.interleave(subjects);
    return [{
      workload: "batchjob",
      title: "Durable batches",
      about: "A tool with one argument returns it, on 2 workers. The items are a list of the " +
        "submission, those of a generator, or a file of JSON lines that is there already. Each " +
        "result is a line in the store. A hold is the longest time between two turns of the " +
        "event loop; memory is what Deno has more than before.",
      variants: "items from",
      columns: [
        { key: "itemsPerSecond", title: "items/s", unit: "", better: "more", chart: true },
        { key: "submitMs", title: "submission", unit: "ms", better: "less" },
        { key: "hostMicros", title: "Deno CPU an item", unit: "µs", better: "less" },
        { key: "workerMicros", title: "Python CPU an item", unit: "µs", better: "less" },
        { key: "submitHoldMs", title: "hold, submission", unit: "ms", better: "less" },
        { key: "holdMs", title: "hold, run", unit: "ms", better: "less" },
        { key: "memoryMb", title: "memory", unit: "MB", better: "less" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};
