/** Tests sessions through restarts of the host, and beside another host. */
import assert from "node:assert/strict";
import { NdArray } from "../../mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

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
