/**
 * Tests every end of the worker of a strict session, on both carriers: until the caller says that
 * the session starts again, no other worker answers its calls.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CallOptions, type Snakeden, SnakedenError } from "../../mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { ADAPTERS, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

interface Counted {
  readonly count: number;
  readonly pid: number;
}

/** The session, and the call that its worker runs when it ends. */
interface Running {
  readonly den: Snakeden;
  readonly pid: number;
  /** The file of the adapter. */
  readonly path: string;
  /** Lets the call go on that waits for this. */
  go(): Promise<void>;
  /** Makes the caller leave. */
  leave(): void;
}

type ToolCall = readonly [tool: string, args: Readonly<Record<string, unknown>>];

interface End {
  readonly pool?: Parameters<typeof startDen>[0];
  readonly dev?: boolean;
  /** The call that runs meanwhile; by default, one that ends soon after `go`. */
  readonly call?: ToolCall;
  readonly end: (running: Running) => unknown;
  /** The code of the call that runs; undefined if it finishes. */
  readonly code?: string;
  readonly workerEnd: RegExp;
}

const STRICT: CallOptions = { sessionId: "s", affinity: "strict_queue" };
const SLOW: CallOptions = { idempotent: false };
const NAP: ToolCall = ["count", { seconds: 0.3 }];
const LONG: ToolCall = ["count", { seconds: 60 }];

const ENDS: Readonly<Record<string, End>> = {
  "was killed by SIGKILL": {
    call: LONG,
    end: ({ pid }) => signalPid(pid, "SIGKILL"),
    code: "worker_crashed",
    workerEnd: /^died with signal SIGKILL/,
  },
  "was frozen by SIGSTOP": {
    pool: { heartbeat: { pingIntervalMs: 50, pingTimeoutMs: 100, maxMissed: 3 } },
    call: LONG,
    end: ({ pid }) => signalPid(pid, "SIGSTOP"),
    code: "worker_crashed",
    workerEnd: /ping|heartbeat/,
  },
  "got SIGTERM": {
    call: NAP,
    end: ({ pid }) => signalPid(pid, "SIGTERM"),
    workerEnd: /^received SIGTERM and ended$/,
  },
  "killed itself": {
    call: ["die", { how: "kill" }],
    end: ({ go }) => go(),
    code: "worker_crashed",
    workerEnd: /^died with signal SIGKILL/,
  },
  "called exit(3)": {
    call: ["die", { how: "exit" }],
    end: ({ go }) => go(),
    code: "worker_crashed",
    workerEnd: /^died with exit code 3$/,
  },
  "was recycled for its calls": {
    pool: { recycle: { maxCalls: 4 } },
    call: NAP,
    end: () => {},
    workerEnd: /^was replaced: it may take 4 calls$/,
  },
  "was recycled for its age": {
    pool: { recycle: { maxAgeMs: 1_000 } },
    call: ["count", { seconds: 1.5 }],
    end: () => {},
    workerEnd: /^was replaced: it has reached its age$/,
  },
  "was recycled on request": {
    call: NAP,
    end: ({ den }) => void den.pools.recycle(),
    workerEnd: /^was replaced: the pool is recycled$/,
  },
  "was replaced for new code": {
    dev: true,
    call: NAP,
    end: async ({ path }) => {
      await Deno.writeTextFile(path, `${await Deno.readTextFile(path)}\n# changed\n`);
    },
    workerEnd: /^was replaced: its code has changed$/,
  },
  "was stopped by DELETE /v1/workers/:id": {
    call: NAP,
    end: async ({ den, pid }) => {
      const id = den.workers.list().find((it) => it.pid === pid)?.id;
      const app = createApp(den, { version: "test" });
      assert.equal((await app.request(`/v1/workers/${id}`, { method: "DELETE" })).status, 204);
    },
    workerEnd: /^was replaced: it was asked to stop$/,
  },
  "did not end a cancelled call": {
    pool: { cancelGraceMs: 100 },
    call: ["stubborn", {}],
    end: ({ leave }) => leave(),
    code: "left",
    workerEnd: /^was killed: stubborn did not stop when it was told to$/,
  },
  "took more memory than allowed": {
    pool: { limits: { memoryBytes: 256 << 20 } },
    call: ["eat", { megabytes: 400 }],
    end: ({ go }) => go(),
    code: "out_of_memory",
    workerEnd: /memoryBytes/,
  },
};

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await promise.then(() => undefined, (it: unknown) => it);
  if (error instanceof SnakedenError) return error.code;
  return error instanceof Error ? error.message : undefined;
}

/**
 * Returns the error of a call, which must be `session_worker_unavailable`. A worker that is being
 * replaced may still answer it: then this is undefined.
 */
async function unavailable(
  promise: Promise<Counted>,
  from?: { readonly pid: number },
): Promise<SnakedenError | undefined> {
  try {
    const { pid, count } = await promise;
    assert.equal(pid, from?.pid, "another worker has answered");
    assert.ok(count > 2, "the count has started again");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    assert.equal(error.code, "session_worker_unavailable", error.message);
    return error;
  }
}

async function checkEnd(carrier: "socket" | "grpc", it: End): Promise<void> {
  await using dir = await tempDir();
  const path = join(dir.path, "counts_locally.py");
  await Deno.copyFile(join(ADAPTERS, "counts_locally.py"), path);
  await using den = await startDen({
    adapter: "counts_locally",
    modulePaths: [dir.path],
    carrier,
    taintAfter: 0,
    ...it.pool,
  }, it.dev ? { dev: true } : {});
  const { variables } = await den.sessions.open("s");
  const count = (options: CallOptions = {}): Promise<Counted> =>
    den.execute<Counted>("count", {}, { ...STRICT, ...options });

  const { pid } = await count();
  const incarnation = den.workers.list().find((each) => each.pid === pid)?.incarnation;
  const leaving = new AbortController();
  const [tool, args] = it.call ?? NAP;
  const options = { ...STRICT, ...SLOW, signal: leaving.signal };
  const running = den.execute<Counted>(tool, { ...args, name: "began" }, options);
  const ended = codeOf(running);
  await until(async () => (await variables.getMany(["began"])).has("began"), "it has begun");
  // A worker that is replaced serves until its successor is there.
  const old = it.code === undefined ? { pid } : undefined;
  const queued = [count(), count(), count()].map((each) => unavailable(each, old));
  await it.end({
    den,
    pid,
    path,
    go: async () => void await variables.set("go", true),
    leave: () => leaving.abort(new Error("left")),
  });
  const errors = await Promise.all(queued);
  assert.equal(await ended, it.code);
  if (it.code === undefined) assert.deepEqual(await running, { count: 2, pid });

  for (const affinity of ["strict_queue", "strict_fail_fast"] as const) {
    errors.push(await unavailable(count({ affinity }), old));
  }
  await until(() => {
    const workers = den.workers.list();
    return workers.length === 2 &&
      workers.every((each) => each.state === "ready" && each.pid !== pid);
  }, "it was replaced");
  for (let i = 0; i < 6; i++) errors.push(await unavailable(count()));
  for (const { details, retryable } of errors.filter((each) => each !== undefined)) {
    assert.match(String(details.workerEnd), it.workerEnd);
    assert.deepEqual([details.sessionId, details.incarnation, retryable], [
      "s",
      incarnation,
      false,
    ]);
  }
  // A call that may go to any worker is answered all the same.
  assert.equal(await codeOf(count({ affinity: "hint" })), undefined);

  const [one, two] = await Promise.all([count({ rebind: true }), count({ rebind: true })]);
  assert.notEqual(one.pid, pid);
  assert.equal(two.pid, one.pid);
  assert.equal(Math.abs(one.count - two.count), 1);
}

for (const carrier of ["socket", "grpc"] as const) {
  for (const [what, end] of Object.entries(ENDS)) {
    Deno.test(`No blank worker answers a strict session whose worker ${what}, over ${carrier}`, async () => {
      await checkEnd(carrier, end);
    });
  }
}
