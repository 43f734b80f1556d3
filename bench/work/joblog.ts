import type { Bench } from "../bench.ts";
import { LONG_MS, startSnakeden } from "../jobs/start_jobs.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const LINES = 1_000_000;
const READERS = [0, 1, 5];

/** The log of a job that prints without a pause, and its readers. */
export const joblog: Workload = {
  name: "joblog",
  summary: "the log of a job with 1,000,000 lines, followed by 5 readers",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const lines = bench.pace.quick ? LINES / 10 : LINES;
    await using resources = new AsyncDisposableStack();
    const process = await startSnakeden(bench, { resources, workers: 1 });
    await process.run({ do: "log", lines: lines / 10, readers: 1 }, LONG_MS);
    const rows = [];
    for (const readers of READERS) {
      bench.say(`joblog: ${readers} readers`);
      const figures = await process.run({ do: "log", lines, readers }, LONG_MS);
      rows.push(...rowsOf(`${readers} readers`, new Map([["snakeden", figures]])));
    }
    return [{
      workload: "joblog",
      title: "The log of a job",
      about:
        `A job prints ${lines.toLocaleString("en")} lines in one worker. Readers in the same ` +
        "process follow the log from its start, and have each line, parsed, once and in order; a " +
        "wrong one would end the measurement. The time is from the submission until the job has " +
        "ended and all readers are done.",
      variants: "followed by",
      columns: [
        { key: "linesPerSecond", title: "lines/s", unit: "", better: "more", chart: true },
        { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
        { key: "hostMiB", title: "memory of the host", unit: "MiB", better: "less" },
      ],
      rows,
    }];
  },
};
