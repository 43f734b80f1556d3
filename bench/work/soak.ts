import type { Bench } from "../bench.ts";
import { rssBytes, sumOf } from "../process_stats.ts";
import type { Result, Row, Workload } from "../workload.ts";

const WORKERS = 4;
const CALLERS = 16;
const ARRAY_BYTES = 80_000;
const CHUNKS = 10_000;
const ROWS = 20;
const MIB = 2 ** 20;

/** A long run: what grows, and what fails. */
export function soak(minutes: number): Workload {
  return {
    name: "soak",
    summary: "memory and errors over minutes of calls, arrays and streams",
    contenders: ["snakeden"],
    async run(bench: Bench): Promise<Result[]> {
      await using host = await bench.host("snakeden", { workers: WORKERS });
      if (host === undefined) return [];
      const rows: Row[] = [];
      const startedAt = performance.now();
      const sliceMs = minutes * 60_000 / ROWS;
      let calls = 0;
      let errors = 0;
      for (let slice = 1; slice <= ROWS; slice++) {
        const until = startedAt + slice * sliceMs;
        while (performance.now() < until) {
          // Turns of a few seconds, of which most is small calls.
          const left = until - performance.now();
          const small = await host.run({
            ...{ do: "load", callers: CALLERS, tolerant: true },
            durationMs: Math.min(2_000, left),
          });
          const large = await host.run({
            ...{ do: "load", callers: 4, arrayBytes: ARRAY_BYTES, tolerant: true },
            durationMs: 300,
          });
          calls += (small.calls ?? 0) + (large.calls ?? 0) + 1;
          errors += (small.errors ?? 0) + (large.errors ?? 0);
          try {
            await host.run({ do: "stream", chunks: CHUNKS });
          } catch (error) {
            errors++;
            bench.say(`soak: the stream failed: ${error}`);
          }
        }
        const figures = {
          calls,
          errors,
          hostRssMib: rssBytes(host.pid) / MIB,
          workerRssMib: sumOf(host.pids, rssBytes) / MIB,
        };
        const variant = `${
          ((performance.now() - startedAt) / 60_000).toFixed(minutes < 10 ? 2 : 1)
        } min`;
        rows.push({ contender: "snakeden", variant, figures });
        bench.say(
          `soak: ${variant}, ${calls} calls, ${errors} errors, Deno ${
            figures.hostRssMib.toFixed(0)
          } MiB, ` +
            `Pythons ${figures.workerRssMib.toFixed(0)} MiB`,
        );
      }
      return [{
        workload: "soak",
        title: `${minutes} minutes of calls`,
        about: `${CALLERS} callers of small echoes, then arrays of 80 KB and a stream of ` +
          `${CHUNKS.toLocaleString("en")} chunks, over and over on ${WORKERS} workers.`,
        variants: "after",
        columns: [
          { key: "calls", title: "calls", unit: "", better: "more" },
          { key: "errors", title: "errors", unit: "", better: "less" },
          { key: "hostRssMib", title: "Deno RSS", unit: "MiB", better: "less", chart: true },
          {
            key: "workerRssMib",
            title: "RSS of all Pythons",
            unit: "MiB",
            better: "less",
            chart: true,
          },
        ],
        rows,
      }];
    },
  };
}
