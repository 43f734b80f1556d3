/**
 * The host process of the workload `scripts`: script jobs of Snakeden, used as a library, and the
 * same programs without it. Run it as `host.ts OPTIONS`, with the options as JSON; it then takes
 * commands.
 */
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Job, type JobInput, Snakeden } from "snakeden";
import { messageOf } from "../../src/errors.ts";
import { ScriptEnvironments } from "../../src/jobs/scripts/environments/mod.ts";
import { say, type ScriptsCommand, serveCommands } from "../commands.ts";
import { LoopCpuProbe, LoopProbe } from "../loop_probe.ts";
import { type Figures, quantile } from "../measure.ts";
import { highestDuring, rssBytes } from "../process_stats.ts";

/** Options of the process. */
export interface ScriptsHostOptions {
  readonly python: string;
  readonly dataDir: string;
}

const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));
const MEGABYTE = 1e6;
/** The scripts that run at once. */
const SLOTS = 8;
const SETTLE_MS = 5_000;
const MANY = "many";
const NAMES = { typescript: "line.ts", python: "line.py" } as const;

class ScriptsHost {
  readonly #den: Snakeden;
  readonly #options: ScriptsHostOptions;
  readonly #python: string;

  private constructor(den: Snakeden, options: ScriptsHostOptions, python: string) {
    this.#den = den;
    this.#options = options;
    this.#python = python;
  }

  static async start(options: ScriptsHostOptions): Promise<ScriptsHost> {
    const den = await Snakeden.start({
      dataDir: options.dataDir,
      python: { executable: options.python },
      pools: [{ name: "default", size: 1 }],
      readyTimeoutMs: 60_000,
      jobs: { scriptFolders: [PROGRAMS], scripts: { concurrency: SLOTS } },
    });
    return new ScriptsHost(den, options, await Deno.realPath(options.python));
  }

  async run(command: ScriptsCommand): Promise<Figures> {
    switch (command.do) {
      case "one":
        return await this.#one(command);
      case "many":
        return await this.#many(command.jobs);
      case "log":
        return await this.#log(command.bytes);
      case "environment":
        return await this.#environment(command.runs);
      case "artifact":
        return await this.#artifact(command.bytes);
    }
  }

  /** Runs a script of one line again and again. */
  async #one({ language, as, runs }: ScriptsCommand & { do: "one" }): Promise<Figures> {
    const name = NAMES[language];
    const times: number[] = [];
    for (let i = 0; i < runs; i++) {
      const startedAt = performance.now();
      if (as === "job") await this.#ended({ kind: "script", script: name });
      else await this.#bare(language, join(PROGRAMS, name));
      times.push(performance.now() - startedAt);
    }
    const sorted = Float64Array.from(times).sort();
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
  }

  /** Runs a program without Snakeden. Python is the interpreter itself, and never a shim. */
  async #bare(language: "typescript" | "python", file: string): Promise<void> {
    const [program, args] = language === "python"
      ? [this.#python, ["-c", (await Deno.readTextFile(file)).trim()]]
      : [Deno.execPath(), ["run", "--no-prompt", "--no-config", file]];
    const { success } = await new Deno.Command(program, { args, stdin: "null" }).output();
    if (!success) throw new Error(`${program} has failed`);
  }

  /** Runs many scripts at once, and counts what they leave. */
  async #many(jobs: number): Promise<Figures> {
    const inputs = Array.from({ length: jobs }, (_, i): JobInput => ({
      kind: "script",
      script: i % 2 === 0 ? NAMES.python : NAMES.typescript,
      retention: { completedMs: 0 },
      tags: [MANY],
    }));
    // What the first ones start, such as the guard's helpers, stays.
    await this.#ended(inputs[0] as JobInput);
    const processes = await processesBelow(process.pid);
    const startedAt = performance.now();
    await this.#den.jobs.submitMany(inputs);
    await this.#idle();
    const seconds = (performance.now() - startedAt) / 1000;
    const left = async (): Promise<Figures> => ({
      processesLeft: Math.max(0, await processesBelow(process.pid) - processes),
      filesLeft: await filesIn(join(this.#options.dataDir, "run")),
      rowsLeft: (await this.#den.jobs.list({ tag: MANY })).items.length,
    });
    let figures = await left();
    for (const end = performance.now() + SETTLE_MS; performance.now() < end;) {
      if (Object.values(figures).every((it) => it === 0)) break;
      await delay(100);
      figures = await left();
    }
    return { perSecond: jobs / seconds, ...figures };
  }

  async #log(bytes: number): Promise<Figures> {
    const idleBytes = rssBytes(process.pid);
    using probe = new LoopProbe();
    using cpuProbe = new LoopCpuProbe();
    let seconds = 0;
    const highest = await highestDuring(() => rssBytes(process.pid), async () => {
      const startedAt = performance.now();
      await this.#ended({ kind: "script", script: "lines.py", args: [String(bytes)] });
      seconds = (performance.now() - startedAt) / 1000;
    });
    return {
      mbPerSecond: bytes / MEGABYTE / seconds,
      heldMs: probe.longestMs,
      heldCpuMs: cpuProbe.longestMs,
      memory: (highest - idleBytes) / MEGABYTE,
    };
  }

  /** Confirms an environment that is there. */
  async #environment(runs: number): Promise<Figures> {
    const { dataDir, python } = this.#options;
    const file = join(PROGRAMS, "packaged.py");
    const times: number[] = [];
    using environments = new ScriptEnvironments({ dataDir, executable: python });
    for (let i = 0; i <= runs; i++) {
      const startedAt = performance.now();
      using _prepared = await environments.prepare(file, {}, { name: "packaged.py" });
      if (i > 0) times.push(performance.now() - startedAt);
    }
    const sorted = Float64Array.from(times).sort();
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
  }

  /** Keeps a large artifact, from the last byte that the script has written to the end. */
  async #artifact(bytes: number): Promise<Figures> {
    const idleBytes = rssBytes(process.pid);
    using probe = new LoopProbe();
    using cpuProbe = new LoopCpuProbe();
    let job: Job | undefined;
    const highest = await highestDuring(() => rssBytes(process.pid), async () => {
      const input = { kind: "script", script: "artifact.py", args: [String(bytes)] } as const;
      job = await this.#ended(input);
    });
    const { written } = job?.progress as { readonly written: number };
    const seconds = (Date.parse(job?.finishedAt ?? "") - written * 1_000) / 1_000;
    return {
      mbPerSecond: bytes / MEGABYTE / seconds,
      heldMs: probe.longestMs,
      heldCpuMs: cpuProbe.longestMs,
      memory: (highest - idleBytes) / MEGABYTE,
    };
  }

  /** Runs a job to its end. */
  async #ended(input: JobInput): Promise<Job> {
    const { id } = await this.#den.jobs.submit(input);
    const job = await this.#den.jobs.wait(id);
    if (job.state !== "completed") throw new Error(job.error?.message ?? job.state);
    return job;
  }

  async #idle(): Promise<void> {
    for (;;) {
      const { counts } = await this.#den.queues.get("default");
      if (counts.discarded + counts.retryable > 0) throw new Error("a script has failed");
      if (counts.available + counts.running === 0) return;
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#den.stop();
  }
}

/** Counts the processes that are below one. */
async function processesBelow(root: number): Promise<number> {
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const parent = /^\d+ \(.*\) \S (\d+) /s.exec(stat)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isBelow(parents.get(pid)));
  return [...parents.keys()].filter((pid) => pid !== root && isBelow(pid)).length;
}

/** Counts the folders of attempts in the folders of runs. */
async function filesIn(folder: string): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir(folder)) {
    const scripts = join(folder, name, "scripts");
    if (!await Deno.stat(scripts).then(() => true, () => false)) continue;
    for await (const _ of Deno.readDir(scripts)) count++;
  }
  return count;
}

if (import.meta.main) {
  try {
    const options: ScriptsHostOptions = JSON.parse(Deno.args[0] ?? "");
    await using host = await ScriptsHost.start(options);
    await serveCommands({ pids: [], figures: {} }, (it: ScriptsCommand) => host.run(it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
