import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import type { Host } from "../host_process.ts";
import type { Figures } from "../measure.ts";
import { pssBytes, rssBytes, sumOf } from "../process_stats.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const CONTENDERS = ["snakeden", "unary", "python-shell"];
const WORKERS = 4;
const SETTLE_MS = 1_500;
const IDLE_MS = 5_000;
const MIB = 2 ** 20;

/** The cost of an idle host. */
export const memory: Workload = {
  name: "memory",
  summary: "memory and CPU of an idle host with 4 workers",
  contenders: CONTENDERS,
  async run(bench: Bench): Promise<Result[]> {
    bench.say("memory: idle hosts");
    // All contenders at once: idle ones do not disturb each other.
    const measured = await Promise.all(CONTENDERS.map(async (name) => {
      await using host = await bench.host(name, { workers: WORKERS });
      return host === undefined ? [] : [[name, await measure(host)] as const];
    }));
    return [{
      workload: "memory",
      title: `An idle host with ${WORKERS} workers`,
      about:
        `Each peer has one Python process. PSS divides shared pages by their users. CPU over ` +
        `${IDLE_MS / 1000} s; the goal for snakeden's Deno process is less than 1 % of a core.`,
      variants: "Pythons",
      columns: [
        { key: "hostRssMib", title: "Deno RSS", unit: "MiB", better: "less", chart: true },
        {
          key: "workerRssMib",
          title: "RSS of one Python",
          unit: "MiB",
          better: "less",
          chart: true,
        },
        { key: "workerPssMib", title: "PSS of one Python", unit: "MiB", better: "less" },
        {
          key: "hostCpuPercent",
          title: "Deno CPU",
          unit: "% of a core",
          better: "less",
          isAbsolute: true,
        },
        {
          key: "workerCpuPercent",
          title: "CPU of all Pythons",
          unit: "% of a core",
          better: "less",
          isAbsolute: true,
        },
      ],
      rows: measured.flat().flatMap(([name, figures]) =>
        rowsOf(`${figures.pythons}`, new Map([[name, figures]]))
      ),
    }];
  },
};

async function measure(host: Host): Promise<Figures> {
  await delay(SETTLE_MS);
  const pythons = host.pids.length;
  const idle = await host.run({ do: "idle", durationMs: IDLE_MS });
  return {
    ...idle,
    pythons,
    hostRssMib: rssBytes(host.pid) / MIB,
    workerRssMib: sumOf(host.pids, rssBytes) / pythons / MIB,
    workerPssMib: sumOf(host.pids, pssBytes) / pythons / MIB,
  };
}
