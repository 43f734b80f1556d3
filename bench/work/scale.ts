import type { Bench, Subject } from "../bench.ts";
import type { Host } from "../host_process.ts";
import type { Figures } from "../measure.ts";
import type { Result, Row, Workload } from "../workload.ts";

const SIZES = [1, 4, 16, 100];
const REFERENCE = 4;
const CALLERS = 64;
const QUEUED = 10_000;

/** The cost of a call with more workers, and with more calls waiting. */
export const scale: Workload = {
  name: "scale",
  summary: "cost of a call with 1 to 100 workers, and with 10,000 queued",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const sizes = bench.pace.quick ? SIZES.slice(0, 3) : SIZES;
    const started: [string, Host][] = [];
    await using hosts = new AsyncDisposableStack();
    for (const workers of sizes) {
      bench.say(`scale: starting ${workers} workers`);
      const host = await bench.host("snakeden", { workers, queueLimit: 2 * QUEUED });
      if (host === undefined) return [];
      hosts.use(host);
      started.push([`${workers}`, host]);
    }
    bench.say(`scale: ${CALLERS} callers, then ${QUEUED} calls at once`);
    const subjects = started.map(([name, host]): Subject => ({
      name,
      measure: ({ durationMs }) => host.run({ do: "load", callers: CALLERS, durationMs }),
    }));
    const queued = started.filter(([name]) => name === `${REFERENCE}`).map((
      [name, host],
    ): Subject => ({
      name: `${name}, ${QUEUED.toLocaleString("en")} queued`,
      measure: () => host.run({ do: "burst", calls: QUEUED }),
    }));
    const medians = await bench.interleave([...subjects, ...queued], {
      ...bench.pace,
      // Every worker needs some calls to become warm.
      warmUpMs: 1_000,
      roundMs: Math.max(500, bench.pace.roundMs),
    });
    const reference = medians.get(`${REFERENCE}`)?.callsPerSecond ?? NaN;
    return [{
      workload: "scale",
      title: "Cost of a call by number of workers",
      about:
        `An echo with ${CALLERS} callers, and with ${
          QUEUED.toLocaleString("en")
        } calls at once on ` +
        `${REFERENCE} workers. All workers share the cores of this machine: what should stay flat is the ` +
        "CPU time of the Deno process.",
      variants: "workers",
      columns: [
        { key: "callsPerSecond", title: "calls/s", unit: "calls/s", better: "more" },
        { key: "relative", title: `against ${REFERENCE} workers`, unit: "×", better: "more" },
        {
          key: "hostMicrosPerCall",
          title: "Deno CPU a call",
          unit: "µs",
          better: "less",
          chart: true,
        },
        { key: "workerMicrosPerCall", title: "Python CPU a call", unit: "µs", better: "less" },
      ],
      rows: [...medians].map(([variant, figures]) => row(variant, figures, reference)),
    }];
  },
};

function row(variant: string, figures: Figures, reference: number): Row {
  const relative = (figures.callsPerSecond ?? NaN) / reference;
  return { contender: "snakeden", variant, figures: { ...figures, relative } };
}
