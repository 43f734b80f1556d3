import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Snakeden } from "snakeden";
import type { Figures } from "../measure.ts";
import { followLog } from "./follow_log.ts";
import type { JobSystem, JobSystemOptions } from "./job_system.ts";
import { readLists } from "./lists.ts";

/** The queue of all jobs. */
const QUEUE = "default";
const MODULES = fileURLToPath(new URL(".", import.meta.url));
const POLL_MS = 10;
const MAX_LOG_BYTES = 256 * 2 ** 20;
const NOOP = { tool: "noop" };

/** Jobs of Snakeden, used as a library: each is run by a Python process. */
export class SnakedenJobs implements JobSystem {
  readonly #den: Snakeden;

  private constructor(den: Snakeden) {
    this.#den = den;
  }

  /** Starts a host whose pool has the tools of the bench. */
  static async start({ python, workers, dataDir }: JobSystemOptions): Promise<SnakedenJobs> {
    const den = await Snakeden.start({
      dataDir,
      python: { executable: python },
      pools: [{ name: "default", size: workers, adapter: "job_tools", modulePaths: [MODULES] }],
      readyTimeoutMs: 60_000,
      jobs: { maxLogBytes: MAX_LOG_BYTES },
    });
    return new SnakedenJobs(den);
  }

  get pids(): number[] {
    return this.#den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  }

  async submit(): Promise<void> {
    await this.#den.jobs.submit(NOOP);
  }

  async submitMany(jobs: number): Promise<void> {
    const outcomes = await this.#den.jobs.submitMany(Array.from({ length: jobs }, () => NOOP));
    if (outcomes.length !== jobs) throw new Error(`${outcomes.length} of ${jobs} were submitted`);
  }

  async pause(): Promise<void> {
    await this.#den.queues.pause(QUEUE);
  }

  async resume(): Promise<void> {
    await this.#den.queues.resume(QUEUE);
  }

  async idle(): Promise<void> {
    for (;;) {
      const { counts } = await this.#den.queues.get(QUEUE);
      const failed = counts.retryable + counts.discarded + counts.cancelled;
      if (failed > 0) throw new Error(`${failed} jobs have failed`);
      if (counts.available + counts.running === 0) return;
      await delay(POLL_MS);
    }
  }

  async startOf(): Promise<number> {
    const job = await this.#den.jobs.submit({ tool: "started" });
    return await job.result<number>();
  }

  async readLists(ask: { readonly jobs: number; readonly durationMs: number }): Promise<Figures> {
    return await readLists(this.#den.jobs, this.#den.queues, ask);
  }

  async followLog(ask: { readonly lines: number; readonly readers: number }): Promise<Figures> {
    return await followLog(this.#den, ask);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#den.stop();
  }
}
