import type { Bench, Subject } from "../bench.ts";
import { type Figures, median } from "../measure.ts";
import type { Host } from "../host_process.ts";
import { highestDuring, rssBytes, sumOf } from "../process_stats.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const CONTENDERS = ["snakeden", "python-shell"];
const PAUSE_MS = 2_000;
const SMALL_STREAMS = 11;
const MIB = 2 ** 20;

/** Streams: many small chunks, and a reader that stops in the middle. */
export const stream: Workload = {
  name: "stream",
  summary: "a generator of 1,000,000 numbers; a reader that pauses",
  contenders: CONTENDERS,
  async run(bench: Bench): Promise<Result[]> {
    const chunks = bench.pace.quick ? 200_000 : 1_000_000;
    await using hosts = await bench.hosts(CONTENDERS);
    bench.say(`stream: ${chunks} chunks`);
    const subjects = hosts.entries.map(([name, host]): Subject => ({
      name,
      measure: ({ isWarmUp }) => measure(host, isWarmUp ? chunks / 10 : chunks),
    }));
    const medians = await bench.interleave(subjects);
    for (const [name, host] of hosts.entries) {
      const figures = medians.get(name);
      // The reader of python-shell cannot make Python wait.
      if (figures === undefined || name !== "snakeden") continue;
      bench.say(`stream: ${name} with a reader that pauses`);
      medians.set(name, { ...figures, ...await growth(host, chunks) });
    }
    return [{
      workload: "stream",
      title: `A stream of ${chunks.toLocaleString("en")} chunks`,
      about:
        "A generator that yields numbers; python-shell prints each as a line of JSON. The first " +
        `chunk is the median of ${SMALL_STREAMS} short streams. Growth is that of resident memory ` +
        `while a reader stops in the middle for ${
          PAUSE_MS / 1000
        } s; python-shell's reader cannot stop.`,
      variants: "chunks",
      columns: [
        {
          key: "chunksPerSecond",
          title: "chunks/s",
          unit: "chunks/s",
          better: "more",
          chart: true,
        },
        { key: "firstChunkMs", title: "first chunk", unit: "ms", better: "less" },
        { key: "hostGrowthMib", title: "Deno growth", unit: "MiB", better: "less" },
        { key: "workerGrowthMib", title: "Python growth", unit: "MiB", better: "less" },
      ],
      rows: rowsOf(chunks.toLocaleString("en"), medians),
    }];
  },
};

async function measure(host: Host, chunks: number): Promise<Figures> {
  const { chunksPerSecond = NaN } = await host.run({ do: "stream", chunks });
  const firsts: number[] = [];
  while (firsts.length < SMALL_STREAMS) {
    const { firstChunkMs = NaN } = await host.run({ do: "stream", chunks: 10 });
    firsts.push(firstChunkMs);
  }
  return { chunksPerSecond, firstChunkMs: median(firsts) };
}

async function growth(host: Host, chunks: number): Promise<Figures> {
  const ofHost = (): number => rssBytes(host.pid);
  const ofWorkers = (): number => sumOf(host.pids, rssBytes);
  const before = { host: ofHost(), workers: ofWorkers() };
  let workersHighest = before.workers;
  const hostHighest = await highestDuring(
    ofHost,
    async () => {
      workersHighest = await highestDuring(
        ofWorkers,
        () => host.run({ do: "stream", chunks, pauseMs: PAUSE_MS }),
      );
    },
  );
  return {
    hostGrowthMib: (hostHighest - before.host) / MIB,
    workerGrowthMib: (workersHighest - before.workers) / MIB,
  };
}
