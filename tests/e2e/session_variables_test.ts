/** Tests tools that use the session of their call, with real workers on both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PythonError, type Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const S1 = { sessionId: "s-1" };

async function start(carrier: CarrierKind): Promise<Snakeden> {
  return await startDen({ adapter: "keeps_state:KeepsState", carrier, taintAfter: 0 });
}

Deno.test("a session in running_call() behaves as one of the host does", async () => {
  await using den = await startDen({ adapter: "compares" });
  await den.sessions.open("s-1");
  const [seen, pretended] = await Promise.all([
    den.execute<string[]>("use_session", {}, S1),
    den.execute<string[]>("use_pretended_session"),
  ]);
  assert.ok(seen.length > 40);
  assert.deepEqual(pretended, seen);
});

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a tool sees the variables of the library, and the library those of the tool (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s-1");
    await variables.set("temperature", 0.5, { constraints: { min: 0, max: 2 } });
    assert.equal(await den.execute("read", { name: "temperature" }, S1), 0.5);
    await den.execute("write", { name: "temperature", value: 1.5 }, S1);
    const { value, type, constraints } = await variables.get("temperature");
    assert.deepEqual([value, type, constraints], [1.5, "float", { min: 0, max: 2 }]);
    assert.equal(await den.execute("count_async", { name: "count" }, S1), 1);
    assert.equal(await den.execute("count_async", { name: "count" }, S1), 2);
    assert.equal((await variables.get("count")).type, "integer");
    assert.deepEqual(await den.execute("names", {}, S1), ["count", "temperature"]);
    assert.equal(await den.execute("forget", { name: "count" }, S1), true);
    assert.equal(await den.execute("forget", { name: "count" }, S1), false);
  });

  Deno.test(`values of every type come back to Python as they were written (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s-1");
    assert.deepEqual(await den.execute("round_trip", {}, S1), {});
    const types = new Map((await variables.list()).items.map((it) => [it.name, it.type]));
    assert.deepEqual(
      ["float", "whole", "integer", "matrix", "tree", "bytes"].map((it) => types.get(it)),
      ["float", "integer", "integer", "tensor", "json", "json"],
    );
    const { value } = await variables.get<Float64Array>("large");
    assert.equal(value.length, 100_000);
  });

  Deno.test(`threads and tasks of a tool use its session (${carrier})`, async () => {
    await using den = await start(carrier);
    await den.sessions.open("s-1");
    const expected = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`t${i}`, 19]));
    assert.deepEqual(await den.execute("count_in_threads", { threads: 8 }, S1), expected);
    const tasks = await den.execute<Record<string, number>>("tasks", { count: 300 }, S1);
    assert.deepEqual(Object.values(tasks), Array.from({ length: 300 }, (_, i) => i));
    const chunks = await Array.fromAsync(den.stream("stream", { name: "x", count: 5 }, S1));
    assert.deepEqual(chunks, [0, 1, 2, 3, 4]);
  });

  Deno.test(`the writes of a loop are made in order (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s-1");
    const last = Array.from({ length: 7 }, (_, i) => 2_093 + i);
    assert.deepEqual(await den.execute("write_loop", { names: 7, times: 300 }, S1), last);
    const found = await variables.getMany(last.map((_, i) => `n${i}`));
    assert.deepEqual([...found.values()].map((it) => it.value), last);
    assert.equal((await variables.get("long")).value, "2000".padStart(100_000));
    assert.equal((await variables.get("n6")).version, 2_100 + 5, "each write has a version");
  });

  Deno.test(`writes that expect a version lose nothing, from many calls at once (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s-1");
    const calls = Array.from(
      { length: 6 },
      () => den.execute("increment", { name: "n", times: 20 }, S1),
    );
    await Promise.all(calls);
    assert.equal((await variables.get("n")).value, 120);
  });

  Deno.test(`what a tool may not do has the code of the host (${carrier})`, async () => {
    await using den = await start(carrier);
    assert.equal(await den.execute("code_of", { name: "x" }, S1), "unknown_session");
    const { variables } = await den.sessions.open("s-1");
    assert.equal(await den.execute("code_of", { name: "x" }, S1), "KeyError: 'x'");
    assert.equal(await den.execute("code_of", { name: "/" }, S1), "invalid_input");
    assert.match(await den.execute("code_of", { name: "x" }), /^RuntimeError: .* has no session: /);
    await variables.set("small", 1, { constraints: { max: 3 } });
    for (const tool of ["write", "set"]) {
      const refused = den.execute(tool, { name: "small", value: 4 }, S1);
      await assert.rejects(refused, (error) => {
        assert.ok(error instanceof PythonError);
        assert.match(error.message, /HostError: .*"small": value: given 4; allowed: at most 3/);
        return true;
      });
    }
    const args = { name: "small", value: 2, options: { if_version: 99 } };
    await assert.rejects(den.execute("set", args, S1), { message: /version_conflict/ });
    assert.equal((await variables.get("small")).value, 1);
  });

  Deno.test(`a call that was answered has written, also when its tool raised (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s-1");
    const raising = den.execute("write_then_raise", { name: "text", value: "raised" }, S1);
    await assert.rejects(raising, { message: /ValueError: after the write/ });
    assert.equal((await variables.get("text")).value, "raised");
    for (let i = 0; i < 20; i++) {
      // The worker of the call may be one that was just killed.
      await den.execute("write", { name: "last", value: i }, { ...S1, idempotent: true });
      for (const pid of i % 5 === 4 ? workersOf(den) : []) signalPid(pid, "SIGKILL");
      assert.equal((await variables.get("last")).value, i);
    }
  });

  Deno.test(`97. Deleting a session removes its worker-side resources (${carrier})`, async () => {
    await using den = await startDen({ adapter: "keeps_state:KeepsState", carrier, size: 1 });
    const count = (sessionId: string): Promise<unknown> =>
      den.execute("count_local", {}, { sessionId });
    for (const id of ["s-1", "s-2"]) await den.sessions.open(id);
    assert.deepEqual([await count("s-1"), await count("s-1"), await count("s-2")], [1, 2, 1]);
    await den.sessions.delete("s-1");
    await assert.rejects(count("s-1"), { message: /HostError: .*\(unknown_session\)/ });
    assert.deepEqual(await den.execute("ended_sessions"), [["s-1", 2]]);
    await den.sessions.open("s-1");
    assert.equal(await count("s-1"), 1);
  });

  Deno.test(`a session that replaces an expired one has nothing of it in its worker (${carrier})`, async () => {
    await using den = await startDen({ adapter: "keeps_state:KeepsState", carrier, size: 1 });
    const session = await den.sessions.open("s-1");
    const first = await den.execute("count_local", {}, S1);
    await session.update({ ttlMs: 1 });
    const replaced = async (): Promise<boolean> => (await den.sessions.ensure("s-1")).created;
    await assert.rejects(
      until(async () => await den.execute("count_local", {}, S1) === 0, "an error"),
      { message: /unknown_session/ },
      "a session that has expired keeps nothing, also before anybody has noticed",
    );
    await until(replaced, "the session to be replaced");
    assert.deepEqual([first, await den.execute("count_local", {}, S1)], [1, 1]);
  });

  Deno.test(`a worker that is replaced calls the hooks of its sessions (${carrier})`, async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "events");
    const pool = { adapter: "keeps_state:Records", env: { RECORDS_FILE: file }, size: 1 };
    const events = async (): Promise<string[]> => (await Deno.readTextFile(file)).split("\n");
    {
      await using den = await startDen({ ...pool, carrier });
      await den.sessions.open("s-1");
      for (const count of [1, 2]) {
        assert.equal(await den.execute("count_local", {}, S1), count);
      }
      await den.pools.recycle();
      await until(async () => (await events()).includes("teardown"), "the end of the worker");
      assert.deepEqual(await events().then((it) => it.filter((each) => each !== "setup")), [
        "end:s-1:2",
        "teardown",
        "",
      ]);
      assert.equal(await den.execute("count_local", {}, S1), 1, "the objects were lost");
    }
    assert.deepEqual((await events()).slice(-3), ["end:s-1:1", "teardown", ""]);
  });
}
