/**
 * `deno task bench` does the same work through Snakeden and its peers, in one run on one machine.
 * Each contender has a process of its own. All take turns, round by round, so that a machine that
 * changes its speed changes it for all. The tables show medians. `--help` lists the flags.
 */
import { dirname, join } from "node:path";
import { messageOf } from "../src/errors.ts";
import { Bench } from "./bench.ts";
import { Child } from "./child.ts";
import { type Flags, readFlags, UsageError } from "./flags.ts";
import { Installation, ROOT } from "./installation.ts";
import { describeMachine, machineLine } from "./machine.ts";
import { pageOf } from "./page.ts";
import { markdownOf, skippedMarkdown } from "./table.ts";
import { arrays } from "./work/arrays.ts";
import { batch } from "./work/batch.ts";
import { batchjob } from "./work/batchjob.ts";
import { bulk } from "./work/bulk.ts";
import { choice } from "./work/choice.ts";
import { echo } from "./work/echo.ts";
import { files } from "./work/files.ts";
import { hardware } from "./work/hardware.ts";
import { http } from "./work/http.ts";
import { inputs } from "./work/inputs.ts";
import { joblog } from "./work/joblog.ts";
import { jobs } from "./work/jobs.ts";
import { map } from "./work/map.ts";
import { memory } from "./work/memory.ts";
import { models } from "./work/models.ts";
import { prefork } from "./work/prefork.ts";
import { profiles } from "./work/profiles.ts";
import { resume } from "./work/resume.ts";
import { scale } from "./work/scale.ts";
import { scripts } from "./work/scripts.ts";
import { sessions } from "./work/sessions.ts";
import { soak } from "./work/soak.ts";
import { socket } from "./work/socket.ts";
import { startup } from "./work/startup.ts";
import { stream } from "./work/stream.ts";
import { tools } from "./work/tools.ts";
import type { Result, Workload } from "./workload.ts";

const WORKLOADS: readonly Workload[] = [
  echo,
  http,
  stream,
  arrays,
  startup,
  prefork,
  memory,
  scale,
  batch,
  hardware,
  models,
  sessions,
  tools,
  inputs,
  socket,
  resume,
  jobs,
  files,
  bulk,
  map,
  batchjob,
  joblog,
  scripts,
  choice,
  profiles,
];
const CONTENDERS = [...new Set(WORKLOADS.flatMap((it) => it.contenders))];
const RESULTS = join(ROOT, "bench", "results");

const USAGE = `Measure Snakeden and its peers on the same work.

usage: deno task bench [options]

  --quick              shorter rounds and smaller work, for a first look
  --only NAME[,NAME]   contenders: ${CONTENDERS.join(", ")}
  --work NAME[,NAME]   workloads, see below
  --workers NUMBER     workers of Snakeden in echo, http, stream, arrays (default: cores, at least 2)
  --json FILE          figures as JSON (default bench/results/bench.json)
  --html FILE          charts and tables (default bench/results/bench.html)
  --soak [MINUTES]     work for so long (default 10) and watch memory and errors; alone unless --work is given
  --help               print this

workloads:
${WORKLOADS.map((it) => `  ${it.name.padEnd(10)} ${it.summary}`).join("\n")}
`;

async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args, {
    contenders: CONTENDERS,
    workloads: WORKLOADS.map((it) => it.name),
  });
  if (flags.help) {
    console.log(USAGE);
    return 0;
  }
  endChildrenOnSignals();
  const installation = await Installation.open((line) => console.error(line));
  const machine = describeMachine(installation.pythonVersion);
  console.log(`# Snakeden and its peers\n\n${machineLine(machine)}\n`);
  const workers = flags.workers ?? Math.max(2, machine.cores);
  const bench = new Bench({ quick: flags.quick, workers, only: flags.only, installation });
  const results = await runAll(bench, chosen(flags));
  console.log(skippedMarkdown(bench.skipped));
  const { skipped } = bench;
  const json = { machine, workers, quick: flags.quick, results, skipped };
  await write(flags.json ?? join(RESULTS, "bench.json"), `${JSON.stringify(json, null, 2)}\n`);
  await write(flags.html ?? join(RESULTS, "bench.html"), pageOf(machine, results, skipped));
  // A peer may be missing; Snakeden may not.
  return skipped.some((it) => it.contender.startsWith("snakeden")) ? 1 : 0;
}

function chosen({ work, soakMinutes }: Flags): Workload[] {
  const isAlone = work === undefined && soakMinutes !== undefined;
  const named = isAlone ? [] : WORKLOADS.filter((it) => work?.includes(it.name) ?? true);
  return soakMinutes === undefined ? named : [...named, soak(soakMinutes)];
}

async function runAll(bench: Bench, workloads: readonly Workload[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const workload of workloads) {
    if (!workload.contenders.some((it) => bench.wants(it))) continue;
    const startedAt = performance.now();
    for (const result of await workload.run(bench)) {
      results.push(result);
      console.log(markdownOf(result));
    }
    bench.say(`${workload.name} took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  }
  return results;
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
  console.error(`written: ${path}`);
}

/** Ends all children with this process: some of them do not watch their stdin. */
function endChildrenOnSignals(): void {
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      Child.killAll();
      Deno.exit(status);
    });
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
