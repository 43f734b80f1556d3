/** Tests sessions through restarts and kills of the host, and beside another host. */
import assert from "node:assert/strict";
import { NdArray } from "../../mod.ts";
import { ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

const KILLS = 3;
const WRITERS = 16;

async function put(url: string, path: string, body: unknown): Promise<number> {
  const answer = await fetch(`${url}/v1/sessions/${path}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await answer.body?.cancel();
  return answer.status;
}

/** Writes counters until the server is gone; returns the last value that was acknowledged. */
async function count(url: string, name: string, from: number): Promise<number> {
  let acknowledged = from;
  try {
    while (await put(url, `s1/variables/${name}`, { value: acknowledged + 1 }) === 200) {
      acknowledged++;
    }
  } catch {
    // The server was killed.
  }
  return acknowledged;
}

Deno.test("Variables whose write was answered are there after each SIGKILL of the server", async () => {
  await using dir = await tempDir();
  const counts = new Map(Array.from({ length: WRITERS }, (_, i) => [`n${i}`, 0]));
  for (let kill = 0; kill < KILLS; kill++) {
    await using server = await ServerProcess.start({ dataDir: dir.path });
    const { url } = server;
    if (kill === 0) assert.equal(await put(url, "s1", { metadata: { plan: "free" } }), 201);
    const writers = [...counts].map(async ([name, from]) =>
      [name, await count(url, name, from)] as const
    );
    // Each writer has been answered at least once by then.
    for (let i = 0; i < 50; i++) await put(url, "s1/variables/other", { value: i });
    server.kill("SIGKILL");
    for (const [name, value] of await Promise.all(writers)) counts.set(name, value);
  }
  assert.ok([...counts.values()].every((it) => it > 0), JSON.stringify([...counts]));
  await using server = await ServerProcess.start({ dataDir: dir.path });
  for (const [name, value] of counts) {
    const answer = await fetch(`${server.url}/v1/sessions/s1/variables/${name}`);
    const found = (await answer.json()).value;
    // The last write may have been made although its answer got lost.
    assert.ok(found === value || found === value + 1, `${name} is ${found}, not ${value}`);
    counts.set(name, found);
  }
  const session = await (await fetch(`${server.url}/v1/sessions/s1`)).json();
  assert.deepEqual(session.metadata, { plan: "free" });
});

Deno.test("den.sessions finds sessions, variables and versions of an earlier host", async () => {
  await using dir = await tempDir();
  const matrix = new NdArray("<f8", [2, 2], new Float64Array([1, 2, 3, NaN]));
  const large = new Float32Array(100_000).fill(0.5);
  let version: number;
  {
    await using den = await startDen({ size: 1 }, { dataDir: dir.path });
    const { variables } = await den.sessions.open("s1", { metadata: { a: 1 } });
    await variables.setMany([{ name: "matrix", value: matrix }, { name: "large", value: large }]);
    ({ version } = await variables.set("t", 1, { type: "float", constraints: { max: 2 } }));
    await den.sessions.open("gone");
    await den.sessions.delete("gone");
  }
  await using den = await startDen({ size: 1 }, { dataDir: dir.path });
  const { variables, metadata } = await den.sessions.get("s1");
  assert.deepEqual(metadata, { a: 1 });
  const found = await variables.getMany(["matrix", "large"]);
  assert.deepEqual([...found.values()].map(({ value }) => value), [matrix, large]);
  await assert.rejects(variables.set("t", 3), { code: "invalid_variable" });
  await variables.set("t", 1.5, { ifVersion: version });
  await assert.rejects(variables.set("t", 1, { ifVersion: version }), { code: "version_conflict" });
  await assert.rejects(den.sessions.get("gone"), { code: "unknown_session" });
});

Deno.test("den.sessions of a program beside a server are in memory, and the first use says so once", async () => {
  await using dir = await tempDir();
  await using _server = await startDen({ size: 1 }, { dataDir: dir.path });
  await using beside = await startDen({ size: 1 }, { dataDir: dir.path });
  await using log = new LogSink();
  const session = await beside.sessions.open("s1");
  await session.variables.set("x", 1);
  assert.equal((await (await beside.sessions.get("s1")).variables.get("x")).value, 1);
  const text = /sessions are in memory and end with this program/g;
  assert.equal((await log.text()).match(text)?.length, 1);
});
