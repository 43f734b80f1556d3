/**
 * The host process of the workload `jobs`: Snakeden or a peer, on a store of its own. Run it as
 * `host.ts OPTIONS`, with the options as JSON; it then takes commands.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../src/errors.ts";
import { type JobsCommand, say, serveCommands } from "../commands.ts";
import { LoopProbe } from "../loop_probe.ts";
import { closedLoop, type Figures, quantile } from "../measure.ts";
import { cpuMicros, rssBytes, sumOf, treeCpuMicros } from "../process_stats.ts";
import type { JobSystem, JobSystemOptions } from "./job_system.ts";

const MIB = 2 ** 20;
const SLICES = 10;
/** The jobs that wait or run at a time, so that those do not show in the memory. */
const PART = 10_000;
const GARBAGE_MS = 3_000;
/**
 * The time after work in which the runtime still collects garbage: in the first 20 s that takes
 * more of a core than all else that an idle host does.
 */
const REST_MS = 30_000;
const TURN_MS = 5;

/** Starts a system. Only its own module is loaded, since each finds packages by its own config. */
async function start(options: JobSystemOptions): Promise<JobSystem> {
  switch (options.system) {
    case "snakeden":
      return await (await import("./snakeden.ts")).SnakedenJobs.start(options);
    case "bullmq":
      return await (await import("./bullmq.ts")).BullMqJobs.start(options);
    case "graphile-worker":
      return await (await import("./graphile_worker.ts")).GraphileWorkerJobs.start(options);
  }
}

/** Measures a system. */
class JobsHost {
  readonly #jobs: JobSystem;
  readonly #serverPid: number | undefined;

  constructor(jobs: JobSystem, serverPid: number | undefined) {
    this.#jobs = jobs;
    this.#serverPid = serverPid;
  }

  async run(command: JobsCommand): Promise<Figures> {
    switch (command.do) {
      case "submit":
        return await this.#submit(command);
      case "run":
        return await this.#run(command.jobs);
      case "start":
        return await this.#start(command.durationMs);
      case "many":
        return await this.#many(command.jobs);
      case "list":
        if (this.#jobs.readLists === undefined) throw new Error("it has no lists to measure");
        return await this.#jobs.readLists(command);
      case "log":
        if (this.#jobs.followLog === undefined) throw new Error("it keeps no logs to measure");
        return await this.#jobs.followLog(command);
      case "idle":
        return await this.#idle(command.durationMs);
    }
  }

  /** Submits single jobs that do not run yet; then they do. */
  async #submit(
    { callers, durationMs }: { readonly callers: number; readonly durationMs: number },
  ): Promise<Figures> {
    await this.#jobs.pause();
    const before = this.#cpu();
    const figures = await closedLoop(() => this.#jobs.submit(), { callers, durationMs });
    const micros = this.#cpu() - before;
    await this.#jobs.resume();
    await this.#jobs.idle();
    const { callsPerSecond: perSecond = NaN, calls = NaN } = figures;
    return { ...figures, perSecond, microsEach: micros / calls };
  }

  /** Submits jobs at once, then runs them all. */
  async #run(jobs: number): Promise<Figures> {
    await this.#jobs.pause();
    using probe = new LoopProbe();
    let cpu = this.#cpu();
    let startedAt = performance.now();
    await this.#jobs.submitMany(jobs);
    const submitMs = performance.now() - startedAt;
    const submitMicros = this.#cpu() - cpu;
    // A turn that has just ended is noted with the next one.
    await delay(TURN_MS);
    const submitHeldMs = probe.longestMs;
    probe.reset();
    cpu = this.#cpu();
    startedAt = performance.now();
    await this.#jobs.resume();
    await this.#jobs.idle();
    const runMs = performance.now() - startedAt;
    return {
      submitsPerSecond: jobs / (submitMs / 1000),
      submitMicros: submitMicros / jobs,
      submitHeldMs,
      runsPerSecond: jobs / (runMs / 1000),
      runMicros: (this.#cpu() - cpu) / jobs,
      runHeldMs: probe.longestMs,
    };
  }

  /** Submits one job after the other, each when the one before has ended. */
  async #start(durationMs: number): Promise<Figures> {
    const offset = wallOffset();
    const times: number[] = [];
    for (const until = performance.now() + durationMs; performance.now() < until;) {
      const before = performance.now() + offset;
      times.push(await this.#jobs.startOf() - before);
    }
    const sorted = Float64Array.from(times).sort();
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
  }

  /** Submits and runs many jobs; notes the memory after each tenth. */
  async #many(jobs: number): Promise<Figures> {
    const part = jobs / SLICES;
    const rates: number[] = [];
    const bytes: number[] = [];
    using probe = new LoopProbe();
    for (let i = 0; i < SLICES; i++) {
      const startedAt = performance.now();
      for (let rest = part; rest > 0; rest -= PART) {
        await this.#jobs.submitMany(Math.min(PART, rest));
        await this.#jobs.idle();
      }
      rates.push(part / ((performance.now() - startedAt) / 1000));
      await delay(GARBAGE_MS);
      bytes.push(rssBytes(process.pid));
    }
    return {
      firstMiB: (bytes[0] ?? NaN) / MIB,
      halfMiB: (bytes[SLICES / 2 - 1] ?? NaN) / MIB,
      lastMiB: (bytes.at(-1) ?? NaN) / MIB,
      firstPerSecond: rates[0] ?? NaN,
      lastPerSecond: rates.at(-1) ?? NaN,
      heldMs: probe.longestMs,
    };
  }

  async #idle(durationMs: number): Promise<Figures> {
    await delay(REST_MS);
    const before = process.cpuUsage();
    const pythonBefore = sumOf(this.#jobs.pids, cpuMicros);
    await delay(durationMs);
    const { user, system } = process.cpuUsage(before);
    const python = sumOf(this.#jobs.pids, cpuMicros) - pythonBefore;
    const micros = durationMs * 1000;
    return {
      hostCpuPercent: 100 * (user + system) / micros,
      pythonCpuPercent: 100 * python / micros,
    };
  }

  /** The CPU time of everything that takes part: this process, its Python, the server of a peer. */
  #cpu(): number {
    const { user, system } = process.cpuUsage();
    const server = this.#serverPid === undefined ? 0 : treeCpuMicros(this.#serverPid);
    return user + system + sumOf(this.#jobs.pids, cpuMicros) + server;
  }
}

/** Returns what `performance.now()` lacks to the time of the system, which Python reads too. */
function wallOffset(): number {
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - performance.now();
}

if (import.meta.main) {
  try {
    const options: JobSystemOptions = JSON.parse(Deno.args[0] ?? "{}");
    await using jobs = await start(options);
    const host = new JobsHost(jobs, options.serverPid);
    const ready = { pids: jobs.pids, figures: {} };
    await serveCommands(ready, (command: JobsCommand) => host.run(command));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
