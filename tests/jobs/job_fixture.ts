import { readFrame, Value, writeFrame } from "../../src/bridge/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Files } from "../../src/files/mod.ts";
import { JobFeed, Jobs, type PreparedJob, Queues, type Runner } from "../../src/jobs/mod.ts";
import type { CallJob } from "../../src/jobs/mod.ts";
import {
  type Blobs,
  type Claim,
  type JobStore,
  memoryBlobs,
  memoryJobs,
  type Outcome,
} from "../../src/store/mod.ts";
import { SnakedenError } from "../../src/errors.ts";

/** Encodes a value as the store keeps it. */
export function stored(value: unknown): Uint8Array<ArrayBuffer> {
  return writeFrame(Value.from(value, { maxDepth: 64, name: "value" }));
}

/** Knows the tools `add` and `train` of the pool `default`; nobody runs them. */
const callRunner: Runner<CallJob> = {
  kind: "call",
  prepare({ tool, args = {}, pool = "default" }): PreparedJob {
    if (tool !== "add" && tool !== "train") {
      throw new SnakedenError("unknown_tool", `There is no tool ${JSON.stringify(tool)}`);
    }
    return { name: tool, pool, options: {}, args: stored(args) };
  },
  run: () => Promise.reject(new TypeError("nothing runs here")),
  describe: ({ name }) => ({ tool: name }),
};

/** Jobs over a store in memory, with the tests in the place of the engine. */
export class JobFixture implements AsyncDisposable {
  readonly feed = new JobFeed();
  /** The ids of the jobs that the namespace has asked to stop. */
  readonly stopped: string[] = [];
  /** The state of the pool `default`. */
  poolState = "ready";
  readonly jobs: Jobs;
  readonly queues: Queues;
  readonly store: JobStore & AsyncDisposable;
  readonly blobs: Blobs = memoryBlobs();

  private constructor(store: JobStore & AsyncDisposable) {
    this.store = store;
    const { jobs: config, files, limits } = parseConfig({ jobs: { queues: [{ name: "mail" }] } });
    this.jobs = new Jobs({
      store,
      files: new Files({ ...limits, store: { files: store, blobs: this.blobs }, config: files }),
      blobs: this.blobs,
      config,
      feed: this.feed,
      runners: { call: callRunner as Runner },
      engine: {
        stop: (ids) => void this.stopped.push(...ids),
        running: () => undefined,
      },
      pools: (name) => name === "default" ? this.poolState : undefined,
    });
    this.queues = new Queues({ store });
  }

  static async open(): Promise<JobFixture> {
    const store = memoryJobs({
      limits: { maxChunks: 100, maxChunkBytes: 1_000_000, maxLogBytes: 1_000_000 },
    });
    await store.declareQueues([{ name: "default" }, { name: "mail" }]);
    return new JobFixture(store);
  }

  /** Takes the next job of the pool `default`. */
  async claim(): Promise<Claim> {
    const ask = { holder: "test", leaseMs: 60_000, waitMs: 5_000 };
    const [claim] = await this.store.claim({ ...ask, pools: [{ pool: "default", slots: 1 }] });
    if (claim === undefined) throw new TypeError("there is no job to claim");
    this.feed.emit(claim.job.id, { type: "state", state: "running" });
    return claim;
  }

  /** Ends a claim, and tells it as an engine does. */
  async finish({ token, job }: Claim, outcome: Outcome): Promise<void> {
    const [answer] = await this.store.finish([{ token, outcome }]);
    if (answer?.answer !== "done") throw new TypeError("the claim was lost");
    this.feed.emit(job.id, { type: "state", state: answer.state });
  }

  /** Runs the next job to its end with this result. */
  async complete(result: unknown): Promise<void> {
    await this.finish(await this.claim(), { type: "completed", result: stored(result) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

/** Returns the arguments of a claim, decoded. */
export function argsOf({ args }: Claim): unknown {
  return readFrame(args).decode();
}
