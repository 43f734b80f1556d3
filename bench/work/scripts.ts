import type { Bench, Subject } from "../bench.ts";
import type { FileCommand, ScriptsCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { LONG_MS, temporaryFolder } from "../jobs/start_jobs.ts";
import type { Figures } from "../measure.ts";
import type { ScriptsHostOptions } from "../scripts/host.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const LOG_BYTES = 500e6;
const ARTIFACT_BYTES = 1e9;
const RUNS = 20;
const JOBS = 200;

type Host = MeasuringProcess<ScriptsCommand>;

/** Script jobs, beside the same programs without Snakeden. */
export const scripts: Workload = {
  name: "scripts",
  summary: "script jobs of one line, 200 of them, long logs and artifacts",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const options: ScriptsHostOptions = {
      python: bench.installation.python,
      dataDir: await temporaryFolder(resources),
    };
    const host = resources.use(
      await MeasuringProcess.start<ScriptsCommand>("bench/scripts/host.ts", [
        JSON.stringify(options),
      ]),
    );
    return [
      await oneLine(bench, host),
      await many(bench, host),
      await throughput(bench, { host, resources }),
    ];
  },
};

async function oneLine(bench: Bench, host: Host): Promise<Result> {
  const runs = bench.pace.quick ? RUNS / 4 : RUNS;
  const rows: Row[] = [];
  for (const [language, bare] of [["typescript", "deno run"], ["python", "python -c"]] as const) {
    bench.say(`scripts: ${language}`);
    const medians = await bench.interleave((["job", "bare"] as const).map((as): Subject => ({
      name: as,
      measure: ({ isWarmUp }) => host.run({ do: "one", language, as, runs: isWarmUp ? 2 : runs }),
    })));
    for (const [as, variant] of [["job", `${language}, a job`], ["bare", bare]] as const) {
      rows.push(...rowsOf(variant, new Map([["snakeden", medians.get(as) ?? {}]])));
    }
  }
  bench.say("scripts: environment");
  const figures = await host.run({ do: "environment", runs: RUNS }, LONG_MS);
  rows.push(...rowsOf("environment of a Python script", new Map([["snakeden", figures]])));
  return {
    workload: "scripts",
    title: "Scripts of one line",
    about:
      "One script after the other, from the submission until its end is stored, in turn with " +
      "the bare program by its real path. An environment is confirmed when it is there already.",
    variants: "work",
    columns: [
      { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
      { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
    ],
    rows,
  };
}

async function many(bench: Bench, host: Host): Promise<Result> {
  bench.say("scripts: many");
  const jobs = bench.pace.quick ? JOBS / 10 : JOBS;
  const figures = await host.run({ do: "many", jobs }, LONG_MS);
  return {
    workload: "scripts",
    title: "Many scripts",
    about: `${jobs} scripts of one line, every other one in TypeScript, 8 at a time.`,
    variants: "work",
    columns: [
      { key: "perSecond", title: "scripts/s", unit: "", better: "more", chart: true },
      { key: "processesLeft", title: "processes left", unit: "", better: "less" },
      { key: "filesLeft", title: "folders left", unit: "", better: "less" },
      { key: "rowsLeft", title: "rows left", unit: "", better: "less" },
    ],
    rows: rowsOf(`${jobs} scripts`, new Map([["snakeden", figures]])),
  };
}

async function throughput(
  bench: Bench,
  { host, resources }: { readonly host: Host; readonly resources: AsyncDisposableStack },
): Promise<Result> {
  const part = bench.pace.quick ? 10 : 1;
  bench.say("scripts: log");
  await host.run({ do: "log", bytes: LOG_BYTES / 10 }, LONG_MS);
  const log = await host.run({ do: "log", bytes: LOG_BYTES / part }, LONG_MS);
  bench.say("scripts: artifact");
  const bytes = ARTIFACT_BYTES / part;
  const plain = resources.use(
    await MeasuringProcess.start<FileCommand>("bench/files/blobs_host.ts", [
      await temporaryFolder(resources),
    ]),
  );
  const medians = await bench.interleave([
    { name: "artifact", measure: () => host.run({ do: "artifact", bytes }, LONG_MS) },
    { name: "file", measure: () => plain.run({ as: "file", bytes }, LONG_MS) },
  ], { rounds: bench.pace.rounds, warmUpMs: 0, roundMs: 0 });
  const { readPerSecond = NaN, readMemory = NaN, readHeldMs = NaN } = medians.get("file") ?? {};
  const copy: Figures = { mbPerSecond: readPerSecond, memory: readMemory, heldMs: readHeldMs };
  return {
    workload: "scripts",
    title: "Logs and artifacts of scripts",
    about:
      `A script prints ${LOG_BYTES / part / 1e6} MB in lines of 100 bytes. Another one leaves ` +
      `${bytes / 1e6} MB; the time is from its last byte to the end of the job. The copy of a ` +
      "plain file is synced.",
    variants: "work",
    columns: [
      { key: "mbPerSecond", title: "MB/s", unit: "", better: "more", chart: true },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
      { key: "heldCpuMs", title: "of it on the processor", unit: "ms", better: "less" },
      { key: "memory", title: "memory", unit: "MB", better: "less" },
    ],
    rows: [
      ...rowsOf("log", new Map([["snakeden", log]])),
      ...rowsOf("artifact", new Map([["snakeden", medians.get("artifact") ?? {}]])),
      ...rowsOf("copy a plain file", new Map([["snakeden", copy]])),
    ],
  };
}
