/**
 * A host process: one contender alone in one Deno. So the garbage of no other contender makes it
 * pause, and its CPU time and memory are its own. Run it as `host.ts NAME OPTIONS`, with the
 * options as JSON; it then takes commands.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../src/errors.ts";
import { type HostCommand, say, serveCommands } from "./commands.ts";
import type { Contender, StartOptions } from "./contender.ts";
import { closedLoop, type Figures } from "./measure.ts";
import { cpuMicros, sumOf } from "./process_stats.ts";

type Start = (options: StartOptions) => Promise<Contender>;

const CONTENDERS: Readonly<Record<string, string>> = {
  "snakeden": "peers/snakeden.ts",
  "unary": "peers/unary.ts",
  "python-shell": "peers/python_shell.ts",
  "raw-socket": "peers/raw_socket.ts",
};

/**
 * Imports a contender by a name that Deno cannot see in advance. The imports of one contender must
 * neither weigh on another nor break it.
 */
async function startOf(name: string): Promise<Start> {
  const file = CONTENDERS[name];
  if (file === undefined) throw new Error(`no contender ${name}`);
  const { start }: { start: Start } = await import(new URL(file, import.meta.url).href);
  return start;
}

async function main([name = "", options = "{}"]: readonly string[]): Promise<void> {
  const start = await startOf(name);
  const startedAt = performance.now();
  await using contender = await start(JSON.parse(options));
  const ready = { pids: contender.pids, figures: { startMs: performance.now() - startedAt } };
  await serveCommands(ready, (command: HostCommand) => run(contender, command));
}

function run(contender: Contender, command: HostCommand): Promise<Figures> {
  switch (command.do) {
    case "load":
      return load(contender, command);
    case "burst":
      return burst(contender, command.calls);
    case "stream":
      return stream(contender, command.chunks, command.pauseMs ?? 0);
    case "batch":
      return batch(contender, command.calls, command.slowSeconds);
    case "idle":
      return withCpu(contender, async () => {
        await delay(command.durationMs);
        return { calls: 1 };
      });
  }
}

function load(
  contender: Contender,
  command: HostCommand & { readonly do: "load" },
): Promise<Figures> {
  if (command.arrayBytes === undefined) {
    return withCpu(contender, () => closedLoop(() => contender.echo(), command));
  }
  const { echoArray } = contender;
  if (echoArray === undefined) throw new Error("it takes no arrays");
  const array = new Float64Array(command.arrayBytes / 8).map((_, i) => i);
  return withCpu(contender, () => closedLoop(() => echoArray(array), command));
}

/** Makes all calls at once, so that most of them wait in the queue. */
function burst(contender: Contender, calls: number): Promise<Figures> {
  return withCpu(contender, async () => {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: calls }, () => contender.echo()));
    return { calls, callsPerSecond: calls / ((performance.now() - startedAt) / 1000) };
  });
}

/** Reads a stream. With a pause, the reader stops in the middle for that time. */
async function stream(contender: Contender, chunks: number, pauseMs: number): Promise<Figures> {
  if (contender.stream === undefined) throw new Error("it has no streams");
  const startedAt = performance.now();
  const middle = Math.floor(chunks / 2);
  let firstChunkMs = NaN;
  let count = 0;
  await contender.stream(chunks, (value) => {
    if (value !== count) throw new Error(`chunk ${count} is ${value}`);
    if (count === 0) firstChunkMs = performance.now() - startedAt;
    count++;
    return pauseMs > 0 && count === middle ? delay(pauseMs) : undefined;
  });
  if (count !== chunks) throw new Error(`${count} chunks of ${chunks} came`);
  const seconds = (performance.now() - startedAt - pauseMs) / 1000;
  return { firstChunkMs, chunksPerSecond: chunks / seconds };
}

/** Measures the time until all calls but the slow one are done. */
async function batch(contender: Contender, calls: number, slowSeconds: number): Promise<Figures> {
  const { sleep } = contender;
  if (sleep === undefined) throw new Error("it cannot sleep");
  const startedAt = performance.now();
  const slow = sleep(slowSeconds);
  await Promise.all(Array.from({ length: calls - 1 }, () => sleep(0)));
  const othersMs = performance.now() - startedAt;
  await slow;
  return { othersMs, allMs: performance.now() - startedAt };
}

/**
 * Adds the CPU time of this process and of the Python processes: for each call, and as a share of a
 * core.
 */
async function withCpu(contender: Contender, work: () => Promise<Figures>): Promise<Figures> {
  const { pids } = contender;
  const workersBefore = sumOf(pids, cpuMicros);
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const figures = await work();
  const elapsedMicros = (performance.now() - startedAt) * 1000;
  const { user, system } = process.cpuUsage(before);
  const workerMicros = sumOf(pids, cpuMicros) - workersBefore;
  const calls = figures.calls ?? NaN;
  return {
    ...figures,
    hostMicrosPerCall: (user + system) / calls,
    workerMicrosPerCall: workerMicros / calls,
    hostCpuPercent: 100 * (user + system) / elapsedMicros,
    workerCpuPercent: 100 * workerMicros / elapsedMicros,
  };
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
