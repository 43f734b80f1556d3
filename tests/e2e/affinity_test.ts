/** Tests sessions that keep state in real workers, on both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CallOptions, type Snakeden, SnakedenError } from "../../mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

interface Counted {
  readonly session: string;
  readonly count: number;
  readonly pid: number;
}

const POOL = { adapter: "counts_sessions", taintAfter: 0, poisonAfter: 100 } as const;

function strict(sessionId: string, options: CallOptions = {}): CallOptions {
  return { sessionId, affinity: "strict_queue", ...options };
}

function count(den: Snakeden, options: CallOptions, seconds = 0): Promise<Counted> {
  return den.execute<Counted>("count", { seconds }, options);
}

async function errorOf(promise: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await promise.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`A strict session counts without a gap beside other calls, over ${carrier}`, async () => {
    await using den = await startDen({ ...POOL, carrier, size: 3 });
    const sessions = ["a", "b", "c", "d", "e"];
    const counted = await Promise.all(
      Array.from({ length: 40 }, () => sessions).flat().map(async (sessionId, i) => {
        // Calls without a session, and the first calls of all sessions, come at the same time.
        const [result] = await Promise.all([
          count(den, strict(sessionId), i % 50 === 7 ? 0.02 : 0),
          count(den, {}),
        ]);
        return result;
      }),
    );
    for (const session of sessions) {
      const own = counted.filter((it) => it.session === session);
      assert.equal(new Set(own.map(({ pid }) => pid)).size, 1, `${session} has one worker`);
      const counts = own.map((it) => it.count).sort((a, b) => a - b);
      assert.deepEqual(counts, Array.from({ length: 40 }, (_, i) => i + 1));
    }
    assert.ok(new Set(counted.map(({ pid }) => pid)).size > 1, "all are in one worker");
  });

  Deno.test(`A strict session whose worker is killed learns it, and never gets a blank worker, over ${carrier}`, async () => {
    await using den = await startDen({ ...POOL, carrier });
    const { pid } = await count(den, strict("s"));
    const dying = errorOf(den.execute("die", {}, strict("s")));
    const queued = errorOf(count(den, strict("s")));
    const crash = await dying;
    assert.deepEqual([crash.code, crash.details.workersLost], ["worker_crashed", 1]);
    for (const error of [await queued, await errorOf(count(den, strict("s")))]) {
      assert.equal(error.code, "session_worker_unavailable");
      assert.match(String(error.details.workerEnd), /^died with signal SIGKILL/);
    }
    await until(() => den.pools.get("default").workers.ready === 2, "it was replaced");
    assert.equal((await errorOf(count(den, strict("s")))).code, "session_worker_unavailable");
    // It says that it starts again, and keeps to its new worker.
    const again = await count(den, strict("s", { rebind: true }));
    assert.equal(again.count, 1);
    assert.notEqual(again.pid, pid);
    assert.deepEqual(await count(den, strict("s")), { ...again, count: 2 });
  });

  Deno.test(`A strict session whose worker is replaced finishes its call and then learns it, over ${carrier}`, async () => {
    await using den = await startDen({ ...POOL, carrier });
    await count(den, strict("s"));
    const running = count(den, strict("s"), 0.3);
    await until(() => den.pools.get("default").workers.busy === 1, "it runs");
    const busy = den.workers.list().find(({ state }) => state === "busy");
    assert.ok(busy);
    await den.workers.stop(busy.id);
    assert.equal((await running).count, 2);
    const error = await errorOf(count(den, strict("s")));
    assert.deepEqual(
      [error.code, error.details.workerEnd, error.details.incarnation],
      ["session_worker_unavailable", "was replaced: it was asked to stop", busy.incarnation],
    );
  });

  Deno.test(`A kill storm answers no strict call by another incarnation than its session is bound to, over ${carrier}`, async () => {
    await using den = await startDen({ ...POOL, carrier, size: 3 });
    const sessions = Array.from({ length: 8 }, (_, i) => `s${i}`);
    let isOver = false;
    const storm = (async () => {
      for (let i = 0; i < 8; i++) {
        const { code } = await errorOf(den.execute("die", {}, { idempotent: false }));
        assert.equal(code, "worker_crashed");
      }
      isOver = true;
    })();
    const learned = await Promise.all(sessions.map(async (session) => {
      let losses = 0;
      let last: Counted | undefined;
      let rebind = false;
      while (!isOver) {
        try {
          const counted = await count(den, strict(session, { rebind }));
          if (last !== undefined && !rebind) {
            assert.deepEqual(
              counted,
              { ...last, count: last.count + 1 },
              "state was lost silently",
            );
          }
          last = counted;
          rebind = false;
        } catch (error) {
          assert.ok(error instanceof SnakedenError);
          if (error.code === "session_worker_unavailable") {
            losses++;
            rebind = true;
            // Its call was the last of the session: whatever comes now begins at 1.
            last = undefined;
          } else assert.equal(error.code, "worker_crashed");
        }
      }
      return losses;
    }));
    await storm;
    assert.ok(learned.some((losses) => losses > 0), "no session has lost its worker");
  });
}

Deno.test("POST /v1/execute: a strict session gets 409 with the reason, until it says rebind", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.json");
  const pool = { ...POOL, name: "default", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const post = async (tool: string, body: Record<string, unknown>): Promise<[number, {
    readonly code?: string;
    readonly retryable?: boolean;
    readonly details?: Record<string, unknown>;
    readonly result?: Counted;
  }]> => {
    const answer = await fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool, sessionId: "s", affinity: "strict_queue", ...body }),
    });
    return [answer.status, await answer.json()];
  };
  assert.equal((await post("count", {}))[1].result?.count, 1);
  assert.equal((await post("count", {}))[1].result?.count, 2);
  assert.equal((await post("die", {}))[0], 502);
  const [status, problem] = await post("count", {});
  assert.deepEqual([status, problem.code, problem.retryable], [
    409,
    "session_worker_unavailable",
    false,
  ]);
  assert.match(String(problem.details?.workerEnd), /^died with signal SIGKILL/);
  assert.equal((await post("count", { rebind: true }))[1].result?.count, 1);
  const slow = post("count", { args: { seconds: 1 } });
  await until(async () => {
    const [busy, { code }] = await post("count", { affinity: "strict_fail_fast" });
    return busy === 429 && code === "worker_busy";
  }, "it is refused while its worker is busy");
  assert.equal((await slow)[0], 200);
});
