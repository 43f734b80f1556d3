/** Tests strict sessions whose host was killed or stopped, and started again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";

interface Answer {
  readonly status: number;
  readonly body: {
    readonly code?: string;
    readonly detail?: string;
    readonly details?: Record<string, unknown>;
    readonly result?: { readonly count: number };
    readonly worker?: Record<string, string>;
    readonly value?: unknown;
  };
}

async function send(method: string, url: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

function count({ url }: ServerProcess, fields: Record<string, unknown> = {}): Promise<Answer> {
  const call = { tool: "count", sessionId: "s", affinity: "strict_queue", ...fields };
  return send("POST", `${url}/v1/execute`, call);
}

async function start(dir: string, carrier: CarrierKind): Promise<ServerProcess> {
  const config = join(dir, "snakeden.config.json");
  const pool = { name: "default", size: 2, adapter: "counts_sessions", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [{ ...pool, carrier }] }));
  return await ServerProcess.start({ dataDir: dir, env: { SNAKEDEN_CONFIG: config } });
}

const WORKER_END = "ended with its host, which has started again since";

for (const carrier of ["socket", "grpc"] as const) {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    Deno.test(`a strict session keeps its variables and learns that its worker is gone after ${signal} of the host, over ${carrier}`, async () => {
      await using dir = await tempDir();
      const session = "/v1/sessions/s";
      {
        await using server = await start(dir.path, carrier);
        await send("PUT", `${server.url}${session}`, {});
        await send("PUT", `${server.url}${session}/variables/rate`, { value: 0.5 });
        assert.equal((await count(server)).body.result?.count, 1);
        const { worker } = (await send("GET", `${server.url}${session}`)).body;
        assert.deepEqual(
          [worker?.pool, worker?.workerId?.slice(0, 8), worker?.workerEnd],
          ["default", "default-", undefined],
        );
        // Nothing comes between the answer of the first strict call and the end of the host.
        server.kill(signal);
        await server.finished();
      }
      await using server = await start(dir.path, carrier);
      const lost = { pool: "default", workerEnd: WORKER_END };
      assert.deepEqual((await send("GET", `${server.url}${session}`)).body.worker, lost);
      for (const affinity of ["strict_queue", "strict_fail_fast"]) {
        const { status, body } = await count(server, { affinity });
        assert.deepEqual([status, body.code], [409, "session_worker_unavailable"]);
        assert.equal(body.details?.workerEnd, WORKER_END);
      }
      const rate = await send("GET", `${server.url}${session}/variables/rate`);
      assert.equal(rate.body.value, 0.5);
      assert.equal((await count(server, { rebind: true })).body.result?.count, 1);
      assert.equal((await count(server)).body.result?.count, 2);
    });
  }

  Deno.test(`strict calls race SIGKILLs of the host, and none is answered by a blank worker, over ${carrier}`, async () => {
    await using dir = await tempDir();
    const ids = Array.from({ length: 8 }, (_, i) => `s${i}`);
    /** The last count that each session was answered. */
    const counts = new Map<string, number>();
    const lost = new Set<string>();
    for (let kill = 0; kill < 4; kill++) {
      await using server = await start(dir.path, carrier);
      const { url } = server;
      for (const id of ids) await send("PUT", `${url}/v1/sessions/${id}`, {});
      const answered = Promise.withResolvers<void>();
      let answers = 0;
      const callers = ids.map(async (sessionId) => {
        try {
          while (true) {
            const rebind = lost.has(sessionId);
            const { status, body } = await count(server, { sessionId, rebind });
            if (status === 409) lost.add(sessionId);
            else {
              const last = rebind ? 0 : counts.get(sessionId) ?? 0;
              // The answer to its last call may have got lost with the host, but not its worker.
              assert.equal(body.result?.count, last + 1, `${sessionId} got a blank worker`);
              counts.set(sessionId, last + 1);
              lost.delete(sessionId);
            }
            if (++answers === 3 + 20 * kill) answered.resolve();
          }
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
        }
      });
      const all = Promise.all(callers);
      await Promise.race([answered.promise, all]);
      server.kill("SIGKILL");
      await all;
      await server.finished();
    }
    assert.ok(counts.size > 0);
  });
}

Deno.test("den.execute(): a session of an earlier program is lost, and its stream says so too", async () => {
  await using dir = await tempDir();
  const options = { sessionId: "s", affinity: "strict_queue" } as const;
  const pool = { size: 1, adapter: "counts_sessions" };
  {
    await using den = await startDen(pool, { dataDir: dir.path });
    const session = await den.sessions.open("s");
    assert.equal(session.worker, undefined);
    await den.execute("count", {}, options);
    assert.equal((await den.sessions.get("s")).info.worker?.workerId, "default-1");
  }
  await using den = await startDen(pool, { dataDir: dir.path });
  const code = "session_worker_unavailable";
  await assert.rejects(den.execute("count", {}, options), { code });
  await assert.rejects(Array.fromAsync(den.stream("count", {}, options)), { code });
  await den.execute("count", {}, { ...options, rebind: true });
});
