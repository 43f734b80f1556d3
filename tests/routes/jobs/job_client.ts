/** A client of the routes of jobs, over a store in memory whose jobs the test runs itself. */
import assert from "node:assert/strict";
import { frameBytes, readFrame, Value, writeFrame } from "../../../src/bridge/mod.ts";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../src/errors.ts";
import { Files } from "../../../src/files/mod.ts";
import { type CallJob, JobFeed, Jobs, Queues, type Runner } from "../../../src/jobs/mod.ts";
import type { AppOptions } from "../../../src/routes/mod.ts";
import {
  type Blobs,
  type Claim,
  type JobError,
  type JobStore,
  memoryBlobs,
  memoryJobs,
} from "../../../src/store/mod.ts";
import {
  type Client,
  clientOf,
  type MemoryEngine,
  memoryEngine,
  type MemoryEngineOptions,
} from "../memory_engine.ts";

const MAX_ARGS_BYTES = 1_000_000;

/** Takes every tool but those that are named `unknown`. */
const RUNNER: Runner<CallJob> = {
  kind: "call",
  prepare: ({ tool, args = {}, pool = "default", sessionId }) => {
    if (tool === "unknown") throw new SnakedenError("unknown_tool", `There is no tool "${tool}"`);
    const encoded = args instanceof Value ? args : Value.from(args);
    const bytes = frameBytes(encoded);
    if (bytes > MAX_ARGS_BYTES) {
      const message = `given ${bytes} bytes; allowed: at most ${MAX_ARGS_BYTES}`;
      throw new InvalidInputError(`Cannot submit the job: args: ${message}`, [
        { path: "args", message },
      ]);
    }
    const options = sessionId === undefined ? {} : { sessionId };
    return { name: tool, pool, options, args: writeFrame(encoded) };
  },
  run: () => Promise.reject(new Error("the test runs the jobs")),
  describe: ({ name, options }) => ({
    tool: name,
    ...(typeof options["sessionId"] === "string" ? { sessionId: options["sessionId"] } : {}),
  }),
};

/** A kind whose jobs can submit others, under the name of one that there is. */
const NESTING: Runner<CallJob> = { ...RUNNER, kind: "batch", submits: true };

/** An answer, with its JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export interface JobClient extends Client, AsyncDisposable {
  readonly engine: MemoryEngine;
  readonly store: JobStore;
  readonly blobs: Blobs;
  readonly feed: JobFeed;
  /** The ids of jobs that were to be stopped. */
  readonly stops: string[];
  /** Sends a request, with JSON if there is a body. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** Submits a job that must be created; returns its id. */
  submit(job: object): Promise<string>;
  /** Starts the next job. */
  claim(): Promise<Claim>;
  /** Ends a job with a result, which is a blob if it is long, as an engine makes it. */
  complete(claim: Claim, result: unknown): Promise<void>;
  fail(claim: Claim, error: JobError): Promise<void>;
}

export interface JobClientOptions extends Omit<MemoryEngineOptions, "config"> {
  readonly config?: ConfigInput;
  readonly app?: Partial<AppOptions>;
  /** Wraps the store that the host uses. */
  readonly wrap?: (store: JobStore) => JobStore;
}

export function jobClient(
  { config: input = {}, app = {}, wrap = (it) => it, ...options }: JobClientOptions = {},
): JobClient {
  const config = parseConfig(input);
  const own = memoryJobs({ limits: config.jobs });
  const store = wrap(own);
  const blobs = memoryBlobs();
  const feed = new JobFeed();
  const stops: string[] = [];
  const jobs = new Jobs({
    store,
    blobs,
    files: new Files({ ...config.limits, store: { files: own, blobs }, config: config.files }),
    engine: { stop: (ids) => void stops.push(...ids), running: () => undefined },
    feed,
    runners: { call: RUNNER as Runner, batch: NESTING as Runner },
    config: config.jobs,
    pools: () => "ready",
  });
  const queues = new Queues({ store });
  const engine = memoryEngine({ config: input, jobs, queues, ...options });
  const client = clientOf(engine, app);
  const send: JobClient["send"] = async (method, path, body, headers = {}) => {
    const sent = body === undefined ? {} : {
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    };
    const answer = await client.request(path, { method, headers, ...sent });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    return {
      status: answer.status,
      headers: answer.headers,
      body: text !== "" && isJson ? JSON.parse(text) : text,
    };
  };
  const end = async (
    { token }: Claim,
    outcome: Parameters<JobStore["finish"]>[0][number]["outcome"],
  ): Promise<void> => {
    const [answer] = await store.finish([{ token, worker: "default-1", outcome }]);
    assert.equal(answer?.answer, "done");
  };
  return {
    ...client,
    engine,
    store,
    blobs,
    feed,
    stops,
    send,
    submit: async (job) => {
      const { status, body } = await send("POST", "/v1/jobs", job);
      assert.equal(status, 201, JSON.stringify(body));
      return body.id;
    },
    claim: async () => {
      const pools = [{ pool: "default", slots: 1 }];
      const [claim] = await store.claim({ pools, holder: "h", leaseMs: 60_000, waitMs: 0 });
      assert.ok(claim !== undefined);
      return claim;
    },
    complete: async (claim, result) => {
      const frame = frameOf(result);
      if (frame.length <= 256 * 1024) return await end(claim, { type: "completed", result: frame });
      await using writer = await blobs.create();
      await writer.write(frame);
      using held = await writer.finish();
      await end(claim, { type: "completed", result: held });
    },
    fail: (claim, error) => end(claim, { type: "failed", error, retryInMs: null }),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}

/** Returns a value as the store keeps it. */
export function frameOf(value: unknown): Uint8Array<ArrayBuffer> {
  return writeFrame(value instanceof Value ? value : Value.from(value));
}

/** Returns the arguments of a claimed job. */
export function argsOf({ args }: Claim): unknown {
  return readFrame(args).decode();
}
