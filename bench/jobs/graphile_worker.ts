import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DATABASE } from "../peers/server_addresses.ts";
import type { JobSystem, JobSystemOptions } from "./job_system.ts";

/** The parts of the packages that are used here. They are not installed where types are checked. */
interface GraphileWorker {
  run(options: {
    readonly pgPool: PgPool;
    readonly preset: { readonly worker: object };
    readonly taskList: Readonly<Record<string, () => void>>;
    readonly logger: unknown;
    readonly noHandleSignals: boolean;
  }): Promise<Runner>;
  readonly Logger: new (log: () => () => void) => unknown;
  makeWorkerUtils(options: { readonly pgPool: PgPool; readonly logger: unknown }): Promise<Utils>;
}

interface Utils {
  addJob(name: string, payload: object): Promise<unknown>;
  addJobs(
    jobs: readonly { readonly identifier: string; readonly payload: object }[],
  ): Promise<unknown>;
  release(): Promise<void>;
}

interface Runner {
  stop(): Promise<void>;
}

interface PgPool {
  query(sql: string): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  on(event: "error", listener: () => void): void;
  end(): Promise<void>;
}

/** The jobs that run at once, and those that are fetched at once. */
const CONCURRENCY = 24;
const FETCHED = 500;
const CONNECTIONS = 24;
const BULK = 1_000;
const POLL_MS = 5;

/**
 * Jobs of Graphile Worker: functions of this process run them. Jobs are fetched and ended in
 * batches, which are the settings of its own test of speed.
 */
export class GraphileWorkerJobs implements JobSystem {
  readonly pids: readonly number[] = [];
  readonly #package: GraphileWorker;
  readonly #pool: PgPool;
  readonly #logger: unknown;
  readonly #utils: Utils;
  #runner: Runner | undefined;
  #onStart: ((at: number) => void) | undefined;

  private constructor(
    graphile: GraphileWorker,
    { pool, logger, utils }: {
      readonly pool: PgPool;
      readonly logger: unknown;
      readonly utils: Utils;
    },
  ) {
    this.#package = graphile;
    this.#pool = pool;
    this.#logger = logger;
    this.#utils = utils;
  }

  static async start({ npmFolder, socketFolder }: JobSystemOptions): Promise<GraphileWorkerJobs> {
    const require = createRequire(join(npmFolder, "package.json"));
    const graphile: GraphileWorker = require("graphile-worker");
    const { Pool }: { Pool: new (options: object) => PgPool } = require("pg");
    const pool = new Pool({ host: socketFolder, ...DATABASE, max: CONNECTIONS });
    pool.on("error", () => {});
    const logger = new graphile.Logger(() => () => {});
    const utils = await graphile.makeWorkerUtils({ pgPool: pool, logger });
    const jobs = new GraphileWorkerJobs(graphile, { pool, logger, utils });
    await jobs.resume();
    return jobs;
  }

  async submit(): Promise<void> {
    await this.#utils.addJob("noop", {});
  }

  async submitMany(jobs: number): Promise<void> {
    const job = { identifier: "noop", payload: {} };
    for (let rest = jobs; rest > 0; rest -= BULK) {
      await this.#utils.addJobs(Array.from({ length: Math.min(BULK, rest) }, () => job));
    }
  }

  async pause(): Promise<void> {
    await this.#runner?.stop();
    this.#runner = undefined;
  }

  async resume(): Promise<void> {
    this.#runner ??= await this.#package.run({
      pgPool: this.#pool,
      logger: this.#logger,
      noHandleSignals: true,
      preset: {
        worker: {
          concurrentJobs: CONCURRENCY,
          localQueue: { size: FETCHED },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
      taskList: {
        noop: () => {},
        started: () => this.#onStart?.(performance.timeOrigin + performance.now()),
      },
    });
  }

  /** An ended job is removed. */
  async idle(): Promise<void> {
    const sql = "select exists (select from graphile_worker._private_jobs) as open";
    while ((await this.#pool.query(sql)).rows[0]?.open === true) await delay(POLL_MS);
  }

  async startOf(): Promise<number> {
    const start = new Promise<number>((resolve) => this.#onStart = resolve);
    await this.#utils.addJob("started", {});
    const at = await start;
    await this.idle();
    return at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pause();
    await this.#utils.release();
    await this.#pool.end();
  }
}
