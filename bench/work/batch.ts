import type { Bench, Subject } from "../bench.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const CALLS = 64;
const WORKERS = 2;

/** One slow call among many: no other call should wait behind it. */
export const batch: Workload = {
  name: "batch",
  summary: "64 calls on 2 workers, one of them slow: when the others are done",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const slowSeconds = bench.pace.quick ? 2 : 5;
    bench.say(`batch: one call of ${slowSeconds} s among ${CALLS}`);
    await using host = await bench.host("snakeden", { workers: WORKERS });
    if (host === undefined) return [];
    const subject: Subject = {
      name: "snakeden",
      measure: () => host.run({ do: "batch", calls: CALLS, slowSeconds }),
    };
    const medians = await bench.interleave([subject], { rounds: 2, warmUpMs: 0, roundMs: 0 });
    return [{
      workload: "batch",
      title: "One slow call among many",
      about:
        `${CALLS} calls at once on ${WORKERS} workers, of which the first sleeps ${slowSeconds} s.`,
      variants: "slow call",
      columns: [
        {
          key: "othersMs",
          title: `the other ${CALLS - 1} are done after`,
          unit: "ms",
          better: "less",
          chart: true,
        },
        { key: "allMs", title: "all are done after", unit: "ms", better: "less" },
      ],
      rows: rowsOf(`${slowSeconds} s`, medians),
    }];
  },
};
