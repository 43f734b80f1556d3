/**
 * Tests that a server which is killed by SIGKILL, again and again under load, loses nothing that it
 * has acknowledged. `deno task test --long` kills it 20 times.
 */
import assert from "node:assert/strict";
import { Random } from "../chaos/random.ts";
import { isAlive, ServerProcess, tempDir, workersOf } from "../fixtures/host.ts";
import { ModelledSession } from "../fixtures/models/modelled_session.ts";
import { until } from "../fixtures/until.ts";

const KILLS = Number(Deno.env.get("SNAKEDEN_HOST_KILLS") ?? 4);
const SEED = Number(Deno.env.get("SNAKEDEN_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
const SESSIONS = 4;
const WRITERS = 12;
/** The most acknowledged writes between two kills. */
const MAX_WRITES = 400;

/** Opens a session of its own and ends it, by a delete or by its time; returns its id. */
async function endOne(url: string, id: string, how: "deleted" | "expired"): Promise<string> {
  const path = `${url}/v1/sessions/${id}`;
  const ask = async (method: string, to: string, body?: unknown): Promise<number> => {
    const answer = await fetch(to, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await ask("PUT", path, { ttlMs: 60_000 }), 201);
  assert.equal(await ask("PUT", `${path}/variables/x`, { value: 1 }), 200);
  if (how === "deleted") assert.equal(await ask("DELETE", path), 204);
  else {
    assert.equal(await ask("PATCH", path, { ttlMs: 1 }), 200);
    // A look at one session is use, and a list is not.
    await until(async () => !(await idsOf(url)).includes(id), "it has expired");
  }
  return id;
}

async function idsOf(url: string): Promise<string[]> {
  const ids: string[] = [];
  let query = "";
  while (true) {
    const answer = await fetch(`${url}/v1/sessions?limit=1000${query}`);
    const { sessions, cursor } = await answer.json();
    ids.push(...sessions.map(({ id }: { readonly id: string }) => id));
    if (cursor === undefined) return ids;
    query = `&cursor=${encodeURIComponent(cursor)}`;
  }
}

Deno.test(`A server holds every acknowledged write of sessions through ${KILLS} SIGKILLs`, async () => {
  console.log(`SNAKEDEN_TEST_SEED=${SEED}`);
  const random = new Random(SEED);
  await using dir = await tempDir();
  const sessions = Array.from(
    { length: SESSIONS },
    (_, i) => new ModelledSession(`s${i}`, { names: 2 + 4 * i }),
  );
  const ended: string[] = [];
  for (let kill = 0; kill <= KILLS; kill++) {
    await using server = await ServerProcess.start({ dataDir: dir.path });
    const { url } = server;
    for (const session of sessions) session.use(url);
    if (kill === 0) { for (const session of sessions) await session.open(); }
    else for (const session of sessions) await session.readAll();
    const ids = await idsOf(url);
    assert.deepEqual(ids.filter((id) => ended.includes(id)), [], "a session has come back");
    for (const id of ended) {
      const answer = await fetch(`${url}/v1/sessions/${id}/variables/x`);
      assert.equal((await answer.json()).code, "unknown_session");
    }
    if (kill === KILLS) break;

    const broken: unknown[] = [];
    let isKilled = false;
    let limit = Infinity;
    const writers = Array.from({ length: WRITERS }, async () => {
      while (!isKilled) {
        try {
          await random.pick(sessions)?.act(random);
          // At once: what was just acknowledged must be there.
          if (acknowledgedBy(sessions) >= limit && !isKilled) {
            isKilled = true;
            server.kill("SIGKILL");
          }
        } catch (error) {
          if (error instanceof TypeError && isKilled) return;
          broken.push(error);
          return;
        }
      }
    });
    for (const how of ["deleted", "expired"] as const) {
      ended.push(await endOne(url, `${how}-${kill}`, how));
    }
    const workers = workersOf({ connect: dir.path });
    assert.notEqual(workers.length, 0);
    limit = acknowledgedBy(sessions) + random.below(MAX_WRITES);
    await Promise.all(writers);
    assert.deepEqual(broken, []);
    await server.finished();
    for (const session of sessions) session.serverEnded();
    await until(() => !workers.some(isAlive), "the workers of the dead host to end");
  }
  for (const session of sessions) session.check();
  const writes = acknowledgedBy(sessions);
  assert.ok(writes > KILLS);
  console.log(`${KILLS} kills, ${writes} acknowledged writes`);
});

function acknowledgedBy(sessions: readonly ModelledSession[]): number {
  return sessions.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
}
