/** Tests the sessions of hosts that share a data directory. */
import assert from "node:assert/strict";
import { startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

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
