import type { Bench } from "../bench.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const CONTENDERS = ["snakeden", "unary", "python-shell", "raw-socket"];
const CALLERS = [1, 4, 16, 64, 256];

/** Small calls: the cost of a call. */
export const echo: Workload = {
  name: "echo",
  summary: "100 bytes there and back, 1 to 256 callers",
  contenders: CONTENDERS,
  async run(bench: Bench): Promise<Result[]> {
    await using hosts = await bench.hosts(CONTENDERS);
    const rows: Row[] = [];
    for (const callers of CALLERS) {
      bench.say(`echo: ${callers} callers`);
      const subjects = hosts.entries.map(([name, host]) => ({
        name,
        measure: ({ durationMs }: { durationMs: number }) =>
          host.run({ do: "load", callers, durationMs }),
      }));
      rows.push(...rowsOf(`${callers}`, await bench.interleave(subjects)));
    }
    return [{
      workload: "echo",
      title: "Echo of 100 bytes",
      about:
        `Callers that each wait for their answer; snakeden has ${bench.workers} workers, each ` +
        "peer one Python process. CPU is that of the Deno process and of its Pythons.",
      variants: "callers",
      columns: [
        { key: "callsPerSecond", title: "calls/s", unit: "calls/s", better: "more", chart: true },
        { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
        { key: "hostMicrosPerCall", title: "Deno CPU a call", unit: "µs", better: "less" },
        { key: "workerMicrosPerCall", title: "Python CPU a call", unit: "µs", better: "less" },
      ],
      rows,
    }];
  },
};
