/**
 * The host process of the workload `batchjob`: it runs durable batches. Run it as `host.ts
 * OPTIONS`, with the options as JSON; it then takes commands.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../src/errors.ts";
import type { BatchJob, Job } from "../../src/jobs/mod.ts";
import { Snakeden } from "../../src/snakeden.ts";
import { type BatchJobCommand, say, serveCommands } from "../commands.ts";
import { LoopProbe } from "../loop_probe.ts";
import type { Figures } from "../measure.ts";
import { cpuMicros, sumOf } from "../process_stats.ts";

/** The options of the host process. */
export interface BatchJobHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** A folder that no other host uses at the same time. */
  readonly dataDir: string;
  readonly workers: number;
}

const TOOL = "noop";
const ADAPTERS = fileURLToPath(new URL("../bulk", import.meta.url));
const SAMPLE_MS = 20;
const MIB = 1024 * 1024;

function* items(count: number): Generator<{ readonly i: number }> {
  for (let i = 0; i < count; i++) yield { i };
}

function* lines(count: number): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let i = 0; i < count; i += 1_000) {
    let text = "";
    for (let k = i; k < Math.min(count, i + 1_000); k++) text += `{"i":${k}}\n`;
    yield encoder.encode(text);
  }
}

/** Returns the part of the submission that has the items. */
async function inputsOf(
  den: Snakeden,
  { items: count, from }: BatchJobCommand,
): Promise<Pick<BatchJob, "inputs" | "inputsFile">> {
  if (from === "inline") return { inputs: [...items(count)] };
  if (from === "iterable") return { inputs: items(count) };
  return { inputsFile: (await den.files.add(ReadableStream.from(lines(count)))).id };
}

/** Submits a batch, and waits for its end. */
async function run(den: Snakeden, command: BatchJobCommand): Promise<Figures> {
  const inputs = await inputsOf(den, command);
  const pids = den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  const before = process.cpuUsage();
  const workersBefore = sumOf(pids, cpuMicros);
  const rssBefore = process.memoryUsage().rss;
  let rss = rssBefore;
  const sampling = setInterval(() => rss = Math.max(rss, process.memoryUsage().rss), SAMPLE_MS);
  using probe = new LoopProbe();
  const startedAt = performance.now();
  const batch = await den.jobs.submit({ kind: "batch", tool: TOOL, ...inputs });
  const submittedAt = performance.now();
  const submitHoldMs = probe.longestMs;
  probe.reset();
  const job = await batch.done();
  const endedAt = performance.now();
  clearInterval(sampling);
  assertDone(job, command.items);
  const { user, system } = process.cpuUsage(before);
  return {
    itemsPerSecond: command.items / (endedAt - submittedAt) * 1_000,
    submitMs: submittedAt - startedAt,
    hostMicros: (user + system) / command.items,
    workerMicros: (sumOf(pids, cpuMicros) - workersBefore) / command.items,
    submitHoldMs,
    holdMs: probe.longestMs,
    memoryMb: (rss - rssBefore) / MIB,
  };
}

function assertDone({ state, items: found }: Job, count: number): void {
  if (state === "completed" && found?.done === count && found.failed === 0) return;
  throw new Error(`The batch of ${count} items is ${state}, with ${JSON.stringify(found)}`);
}

if (import.meta.main) {
  try {
    const { python, dataDir, workers }: BatchJobHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    const den = await Snakeden.start({
      dataDir,
      python: { executable: python },
      pools: [{ name: "default", adapter: "bulk_tools", modulePaths: [ADAPTERS], size: workers }],
    });
    await den.health.awaitReady();
    await serveCommands({ pids: [], figures: {} }, (it: BatchJobCommand) => run(den, it));
    await den.stop();
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
