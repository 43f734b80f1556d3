import type { Bench, Subject } from "../bench.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const SIZES = [1, 4, 16, 100];

/** The start: from nothing to workers that take calls. */
export const startup: Workload = {
  name: "startup",
  summary: "time until 1, 4, 16 and 100 workers are ready",
  contenders: ["snakeden", "unary", "python-shell"],
  async run(bench: Bench): Promise<Result[]> {
    const rows: Row[] = [];
    for (const workers of bench.pace.quick ? SIZES.slice(0, 3) : SIZES) {
      bench.say(`startup: ${workers} workers`);
      // The peers have only one process.
      const names = workers === 1 ? startup.contenders : ["snakeden"];
      const subjects = names.filter((it) => bench.wants(it)).map((name): Subject => ({
        name,
        measure: async () => {
          await using host = await bench.startHost(name, { workers });
          return host.started;
        },
      }));
      const rounds = workers > 16 ? 1 : bench.pace.rounds;
      const medians = await bench.interleave(subjects, { rounds, warmUpMs: 0, roundMs: 0 });
      rows.push(...rowsOf(`${workers}`, medians));
    }
    return [{
      workload: "startup",
      title: "Until all workers are ready",
      about:
        "From the call in Deno until every worker takes calls, and the same from the start of " +
        "the Deno process. Environments are there already. Each peer has one Python process.",
      variants: "workers",
      columns: [
        { key: "startMs", title: "from the call", unit: "ms", better: "less", chart: true },
        { key: "processMs", title: "with Deno's start", unit: "ms", better: "less" },
      ],
      rows,
    }];
  },
};
