import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { JobStoreCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import {
  CALLERS,
  JOB_SYSTEMS,
  LONG_MS,
  type StartedJobs,
  startJobs,
  startSnakeden,
  temporaryFolder,
} from "../jobs/start_jobs.ts";
import type { Figures } from "../measure.ts";
import { pairs } from "../pairs.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const JOBS = 50_000;
const MILLION = 1_000_000;
const WAITING = 100_000;
const IDLE_MS = 10_000;

/** Durable jobs: submissions, runs, and what many of them cost. */
export const jobs: Workload = {
  name: "jobs",
  summary: "durable jobs beside BullMQ and Graphile Worker; 1,000,000 jobs, waiting and ended",
  contenders: JOB_SYSTEMS,
  async run(bench: Bench): Promise<Result[]> {
    const results = [await systems(bench)];
    for (const part of bench.wants("snakeden") ? [waiting, finished, many] : []) {
      try {
        results.push(await part(bench));
      } catch (error) {
        bench.skip("snakeden", error);
      }
    }
    return results;
  },
};

async function systems(bench: Bench): Promise<Result> {
  const count = bench.pace.quick ? JOBS / 10 : JOBS;
  const pace = bench.pace.quick ? { ...bench.pace, rounds: 3, roundMs: 1_000 } : bench.pace;
  await using resources = new AsyncDisposableStack();
  const started: StartedJobs[] = [];
  for (const name of jobs.contenders.filter((it) => bench.wants(it))) {
    try {
      started.push(await startJobs(bench, { name, resources }));
    } catch (error) {
      bench.skip(name, error);
    }
  }
  const rows: Row[] = [];
  const measure = async (
    variant: string,
    subjects: readonly Subject[],
    figuresOf: (figures: Figures) => readonly (readonly [string, Figures])[] = (it) => [
      [variant, it],
    ],
  ): Promise<void> => {
    bench.say(`jobs: ${variant}`);
    const medians = await bench.interleave(subjects, { ...pace, warmUpMs: pace.warmUpMs || 1 });
    const shown = [...medians].flatMap(([name, it]) =>
      figuresOf(it).map(([variant, figures]) => [name, variant, figures] as const)
    );
    for (const title of new Set(shown.map(([, variant]) => variant))) {
      const own = shown.filter(([, variant]) => variant === title);
      rows.push(...rowsOf(title, new Map(own.map(([name, , figures]) => [name, figures]))));
    }
  };
  await measure(
    `submit, ${CALLERS} callers`,
    started.map(({ name, submit }) => ({ name, measure: submit })),
  );
  await measure(
    "bulk, and run",
    started.map(({ name, run }) => ({
      name,
      measure: ({ isWarmUp }) => run(isWarmUp ? count / 5 : count),
    })),
    (it) => [
      ["bulk submit", {
        perSecond: it.submitsPerSecond ?? NaN,
        microsEach: it.submitMicros ?? NaN,
        heldMs: it.submitHeldMs ?? NaN,
      }],
      ["run", {
        perSecond: it.runsPerSecond ?? NaN,
        microsEach: it.runMicros ?? NaN,
        heldMs: it.runHeldMs ?? NaN,
      }],
    ],
  );
  await measure(
    "submit to start",
    started.flatMap(({ name, start }) => start === undefined ? [] : [{ name, measure: start }]),
  );
  return {
    workload: "jobs",
    title: "Durable jobs",
    about:
      `Jobs that do nothing. Snakeden runs each in one of ${bench.workers} Python processes, ` +
      "its peers in a function of their own process. Snakeden and Graphile Worker (PostgreSQL) " +
      "have every change on the disk before they answer, bullmq (Redis, appendfsync everysec) " +
      "within a second, bullmq-always (appendfsync always) at once. Run: from the first start " +
      "until the last end is stored. snakeden-http submits over HTTP; bulk: lines of JSON. CPU " +
      "is that of all processes that take part.",
    variants: "work",
    columns: [
      { key: "perSecond", title: "jobs/s", unit: "", better: "more", chart: true },
      { key: "p50Ms", title: "p50", unit: "ms", better: "less" },
      { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
      { key: "microsEach", title: "CPU a job", unit: "µs", better: "less" },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
    ],
    rows,
  };
}

/** Claims beside many jobs that wait. */
async function waiting(bench: Bench): Promise<Result> {
  const count = bench.pace.quick ? WAITING / 10 : WAITING;
  const beside = `${count.toLocaleString("en")} waiting`;
  await using resources = new AsyncDisposableStack();
  const empty = await startStore(resources, await temporaryFolder(resources));
  const full = await startStore(resources, await temporaryFolder(resources));
  bench.say(`jobs: submitting ${count} to wait`);
  await full.run({ do: "fill", jobs: count }, LONG_MS);
  const rows: Row[] = [];
  for (const slots of [1, 100]) {
    const name = slots === 1 ? "1 job" : `${slots} jobs`;
    bench.say(`jobs: claims of ${name} beside ${count}`);
    const subjects = [["none waiting", empty], [beside, full]] as const;
    rows.push(
      ...await pairs(
        bench,
        subjects.map(([variant, store]): Subject => ({
          name: `${name}, ${variant}`,
          measure: ({ durationMs }) => store.run({ do: "claims", slots, durationMs }),
        })),
        1,
      ),
    );
  }
  return {
    workload: "jobs",
    title: "Claims beside waiting jobs",
    about: "Jobs are submitted, claimed and completed on the store itself, so that the number of " +
      "those that wait stays the same. Cost: what a claim takes more, as the median of pairs of " +
      "rounds.",
    variants: "claims of",
    columns: [
      { key: "p50Ms", title: "claim, p50", unit: "ms", better: "less" },
      { key: "p99Ms", title: "claim, p99", unit: "ms", better: "less" },
      { key: "microsEach", title: "CPU a job", unit: "µs", better: "less" },
      { key: "costPercent", title: "cost", unit: "%", better: "less", isAbsolute: true },
    ],
    rows,
  };
}

async function startStore(
  resources: AsyncDisposableStack,
  dataDir: string,
): Promise<MeasuringProcess<JobStoreCommand>> {
  const path = join(dataDir, "store", "jobs.sqlite");
  return resources.use(await MeasuringProcess.start("bench/jobs/store_host.ts", [path]));
}

/** Lists of many finished jobs. */
async function finished(bench: Bench): Promise<Result> {
  const count = bench.pace.quick ? MILLION / 10 : MILLION;
  await using resources = new AsyncDisposableStack();
  const dataDir = await temporaryFolder(resources);
  bench.say(`jobs: finishing ${count} on the store`);
  const built = await buildFinished(dataDir, count);
  const process = await startSnakeden(bench, { resources, workers: 1, dataDir });
  const durationMs = 5 * bench.pace.roundMs;
  const lists = await process.run({ do: "list", jobs: count, durationMs }, LONG_MS);
  const figures = { ...built, ...lists, readyMs: process.started.processMs ?? NaN };
  return {
    workload: "jobs",
    title: "Lists of finished jobs",
    about: "The jobs are submitted, claimed and completed on the store itself. Then a host lists " +
      "pages of 100: without a choice, by state, by queue and state, by tool.",
    variants: "finished jobs",
    columns: [
      { key: "submitsPerSecond", title: "submitted", unit: "jobs/s", better: "more" },
      { key: "runsPerSecond", title: "claimed and completed", unit: "jobs/s", better: "more" },
      { key: "bytesEach", title: "disk each", unit: "bytes", better: "less" },
      { key: "readyMs", title: "start of a host", unit: "ms", better: "less" },
      { key: "firstP50Ms", title: "first page, p50", unit: "ms", better: "less" },
      { key: "firstP99Ms", title: "p99", unit: "ms", better: "less" },
      { key: "furtherP50Ms", title: "page by cursor, p50", unit: "ms", better: "less" },
      { key: "furtherP99Ms", title: "p99", unit: "ms", better: "less" },
      { key: "countsP50Ms", title: "counts, p50", unit: "ms", better: "less" },
      { key: "countsP99Ms", title: "p99", unit: "ms", better: "less" },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
    ],
    rows: rowsOf(count.toLocaleString("en"), new Map([["snakeden", figures]])),
  };
}

async function buildFinished(dataDir: string, count: number): Promise<Figures> {
  await using resources = new AsyncDisposableStack();
  const store = await startStore(resources, dataDir);
  const filled = await store.run({ do: "fill", jobs: count }, LONG_MS);
  const ended = await store.run({ do: "finish", jobs: count }, LONG_MS);
  const { size } = await Deno.stat(join(dataDir, "store", "jobs.sqlite"));
  return { ...filled, ...ended, bytesEach: size / count };
}

/** The memory of a host that runs many jobs, and what it costs when it has none to run. */
async function many(bench: Bench): Promise<Result> {
  const count = bench.pace.quick ? MILLION / 10 : MILLION;
  await using resources = new AsyncDisposableStack();
  const process = await startSnakeden(bench, { resources, workers: bench.workers });
  bench.say(`jobs: running ${count}`);
  const ran = await process.run({ do: "many", jobs: count }, LONG_MS);
  const idle = await process.run({ do: "idle", durationMs: IDLE_MS });
  return {
    workload: "jobs",
    title: "Many jobs",
    about: "One host submits and runs the jobs, in ten equal parts, and keeps them. The rate is " +
      "that of submitting and running together.",
    variants: "jobs",
    columns: [
      { key: "firstMiB", title: "memory after a tenth", unit: "MiB", better: "less" },
      { key: "halfMiB", title: "after a half", unit: "MiB", better: "less" },
      { key: "lastMiB", title: "after all", unit: "MiB", better: "less" },
      { key: "firstPerSecond", title: "first tenth", unit: "jobs/s", better: "more" },
      { key: "lastPerSecond", title: "last tenth", unit: "jobs/s", better: "more" },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
      { key: "hostCpuPercent", title: "idle host, of a core", unit: "%", better: "less" },
      { key: "pythonCpuPercent", title: "idle workers, of a core", unit: "%", better: "less" },
    ],
    rows: rowsOf(count.toLocaleString("en"), new Map([["snakeden", { ...ran, ...idle }]])),
  };
}
