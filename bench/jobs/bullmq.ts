import { createRequire } from "node:module";
import { join } from "node:path";
import type { JobSystem, JobSystemOptions } from "./job_system.ts";
import { REDIS_SOCKET } from "../peers/server_addresses.ts";

/** The parts of the packages that are used here. They are not installed where types are checked. */
interface BullMq {
  readonly Queue: new (name: string, options: { readonly connection: unknown }) => Queue;
  readonly Worker: new (
    name: string,
    run: (job: { readonly id?: string; readonly name: string }) => Promise<unknown>,
    options: { readonly connection: unknown; readonly concurrency: number },
  ) => Worker;
}

interface Queue {
  add(name: string, data: object): Promise<{ readonly id?: string }>;
  addBulk(jobs: readonly { readonly name: string; readonly data: object }[]): Promise<unknown>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  getJobCounts(...states: string[]): Promise<Record<string, number>>;
  close(): Promise<void>;
}

interface Worker {
  on(event: "completed", listener: (job: unknown, result: unknown) => void): void;
  on(event: "failed", listener: (job: unknown, error: Error) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface Redis {
  quit(): Promise<unknown>;
}

const NAME = "bench";
/** The jobs that run at once: of 50, 100 and 300, the number with the highest rate. */
const CONCURRENCY = 300;
const BULK = 1_000;

/**
 * Jobs of BullMQ: functions of this process run them. Both packages were no quicker in Node than
 * in Deno.
 */
export class BullMqJobs implements JobSystem {
  readonly pids: readonly number[] = [];
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #connections: readonly Redis[];
  /** The jobs that were submitted and have not ended. */
  #open = 0;
  #onIdle: (() => void) | undefined;
  #onStart: ((at: number) => void) | undefined;
  #error: Error | undefined;

  private constructor({ npmFolder, socketFolder }: JobSystemOptions) {
    const require = createRequire(join(npmFolder, "package.json"));
    const { Queue, Worker }: BullMq = require("bullmq");
    const { Redis }: { Redis: new (options: object) => Redis } = require("ioredis");
    const path = join(socketFolder, REDIS_SOCKET);
    const connect = (): Redis => new Redis({ path, maxRetriesPerRequest: null });
    this.#connections = [connect(), connect()];
    const [first, second] = this.#connections;
    this.#queue = new Queue(NAME, { connection: first });
    this.#worker = new Worker(NAME, (job) => this.#run(job.name), {
      connection: second,
      concurrency: CONCURRENCY,
    });
    this.#worker.on("completed", () => this.#ended());
    this.#worker.on("failed", (_, error) => this.#error = error);
    this.#worker.on("error", (error) => this.#error = error);
  }

  static async start(options: JobSystemOptions): Promise<BullMqJobs> {
    const jobs = new BullMqJobs(options);
    await jobs.#worker.waitUntilReady();
    return jobs;
  }

  async submit(): Promise<void> {
    this.#open++;
    await this.#queue.add("noop", {});
  }

  async submitMany(jobs: number): Promise<void> {
    this.#open += jobs;
    const job = { name: "noop", data: {} };
    for (let rest = jobs; rest > 0; rest -= BULK) {
      await this.#queue.addBulk(Array.from({ length: Math.min(BULK, rest) }, () => job));
    }
  }

  async pause(): Promise<void> {
    await this.#queue.pause();
  }

  async resume(): Promise<void> {
    await this.#queue.resume();
  }

  async idle(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
    if (this.#error !== undefined) throw this.#error;
  }

  async startOf(): Promise<number> {
    const start = new Promise<number>((resolve) => this.#onStart = resolve);
    this.#open++;
    await this.#queue.add("started", {});
    const at = await start;
    await this.idle();
    return at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
    for (const it of this.#connections) await it.quit();
  }

  #run(name: string): Promise<null> {
    if (name === "started") this.#onStart?.(performance.timeOrigin + performance.now());
    return Promise.resolve(null);
  }

  #ended(): void {
    if (--this.#open === 0) this.#onIdle?.();
  }
}
