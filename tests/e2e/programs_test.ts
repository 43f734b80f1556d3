/** Tests programs with real workers, and through restarts and kills of the host. */
import assert from "node:assert/strict";
import { ServerProcess, startDen, tempDir } from "../fixtures/host.ts";

const JSON_TYPE = { "content-type": "application/json" };

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`program put, get and delete; a global program is visible to all sessions (${carrier})`, async () => {
    await using den = await startDen({ size: 1, carrier });
    const sessions = [await den.sessions.open("s1"), await den.sessions.open("s2")] as const;
    const put = await den.programs.put("sum", { tool: "add", args: { a: 1, b: 2 } });
    assert.deepEqual([put.version, put.created], [1, true]);
    const { tool, args } = await den.programs.get("sum");
    assert.deepEqual([tool, args], ["add", { a: 1, b: 2 }]);
    for (const { programs } of sessions) assert.equal(await programs.run("sum"), 3);
    const [{ programs }] = sessions;
    await programs.put("sum", { tool: "add", args: { a: 10, b: 20 } });
    assert.deepEqual(
      await Promise.all([
        den.programs.run("sum", { b: 5 }),
        den.programs.run("sum", { b: 5 }, { sessionId: "s1" }),
        programs.run("sum", { b: 5 }),
        den.programs.run("sum", { b: 5 }, { sessionId: "s2" }),
        den.programs.run("sum", { b: 5 }, { sessionId: "none" }),
      ]),
      [6, 15, 15, 6, 6],
    );
    await programs.delete("sum");
    assert.equal(await programs.run("sum"), 3);
    await den.programs.delete("sum");
    const unknown = { code: "unknown_program" };
    await assert.rejects(den.programs.get("sum"), unknown);
    await assert.rejects(programs.run("sum"), unknown);
  });

  Deno.test(`the arguments of a run reach the tool once, with those of the program (${carrier})`, async () => {
    await using den = await startDen({ size: 1, carrier });
    await den.programs.put("any", { tool: "echo", args: { value: { a: 2n ** 70n, n: NaN } } });
    const stored = await den.programs.run("any");
    assert.deepEqual(stored, { a: 2n ** 70n, n: NaN });
    const bytes = new Uint8Array(300_000).fill(7);
    assert.deepEqual(await den.programs.run("any", { value: bytes }), bytes);
  });

  Deno.test(`den.programs.stream() and call() run a program as den.stream() and den.call() run a tool (${carrier})`, async () => {
    await using den = await startDen({ size: 1, carrier });
    await den.programs.put("count", { tool: "counter", args: { n: 3 } });
    await den.programs.put("sum", { tool: "add", args: { a: 1, b: 2 } });
    assert.deepEqual(await Array.fromAsync(den.programs.stream("count")), [0, 1, 2]);
    assert.deepEqual(await Array.fromAsync(den.programs.stream("count", { n: 1 })), [0]);
    // A tool that sends no chunks has its result as the only element.
    const stream = den.programs.stream("sum");
    assert.deepEqual(await Array.fromAsync(stream), [3]);
    assert.equal(await stream.result, 3);
    const { value, workerId } = await den.programs.call("sum", { a: 2 });
    assert.deepEqual([value.decode(), workerId], [4, den.workers.list()[0]?.id]);
    const unread = den.programs.stream("none");
    await assert.rejects(Array.fromAsync(unread), { code: "unknown_program" });
    await assert.rejects(Promise.resolve(unread.result), { code: "unknown_program" });
  });

  Deno.test(`tools read and write the programs of their session, and read those of all (${carrier})`, async () => {
    const adapter = "keeps_state:KeepsState";
    await using den = await startDen({ size: 1, carrier, adapter });
    const { programs } = await den.sessions.open("s1");
    await den.sessions.open("s2");
    const s1 = { sessionId: "s1" };
    await den.programs.put("shared", { tool: "count_local", args: { bad: "" }, priority: 1 });
    const shared = { tool: "count_local", args: { bad: "" }, priority: 1 };
    assert.deepEqual(await den.execute("program", { name: "shared" }, s1), shared);
    assert.deepEqual(await den.execute("use_programs", {}, s1), [
      1,
      [true, "add", 50],
      ["version_conflict", { currentVersion: 1 }],
      "invalid_input",
      [["own"], true, false],
      "KeyError('own')",
    ]);
    assert.deepEqual(await den.execute("use_programs_async", {}, s1), [
      1,
      { tool: "add", metadata: { by: "ada" }, args: {} },
      ["own"],
      [1, 0],
      true,
    ]);
    // What a tool writes is for its session alone.
    const program = { tool: "program", args: { name: "shared" }, timeout_ms: 60_000 };
    await den.execute("put_program", { name: "shared", program }, s1);
    assert.deepEqual((await programs.get("shared")).args, { name: "shared" });
    assert.deepEqual(await den.programs.run("shared", {}, s1), program);
    assert.equal(await den.programs.run("shared", {}, { sessionId: "s2" }), 1);
    assert.deepEqual(await den.execute("program", { name: "shared" }, { sessionId: "s2" }), shared);
    const unknown = den.execute("program", { name: "shared" }, { sessionId: "none" });
    await assert.rejects(unknown, { message: /HostError: .*unknown_session/ });
    await assert.rejects(den.execute("program", { name: "a/b" }, s1), { message: /invalid_input/ });
  });
}

Deno.test("den.programs.run() fails like den.execute(), at the line of the program that calls it", async () => {
  await using den = await startDen({ size: 1 });
  await den.programs.put("missing", { tool: "not_there_yet" });
  await assert.rejects(den.programs.run("missing"), { code: "unknown_tool" });
  await den.programs.put("bad", { tool: "add", args: { a: "x" } });
  await assert.rejects(den.programs.run("bad", { b: 1 }), { code: "invalid_arguments" });
  await den.programs.put("slow", { tool: "sleep", args: { seconds: 30 }, timeoutMs: 50 });
  await assert.rejects(den.programs.run("slow"), { code: "deadline_exceeded" });
  const aborted = AbortSignal.abort(new Error("changed my mind"));
  const run = den.programs.run("slow", {}, { timeoutMs: 60_000, signal: aborted });
  await assert.rejects(run, { message: "changed my mind" });
  async function here(): Promise<void> {
    await den.programs.run("none");
  }
  await assert.rejects(here(), (error: Error) => {
    assert.match(error.stack ?? "", /here .*programs_test\.ts/);
    assert.doesNotMatch(error.stack ?? "", /src\/sessions/);
    return true;
  });
});

async function send(
  url: string,
  { method = "PUT", body }: { readonly method?: string; readonly body?: unknown } = {},
): Promise<Response> {
  const text = body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) };
  return await fetch(url, { method, ...text });
}

/** Writes a program again and again until the server is gone; returns the last version. */
async function rewrite(url: string): Promise<number> {
  let version = 0;
  try {
    for (;;) {
      const answer = await send(url, { body: { tool: "add", args: { a: version, b: 0 } } });
      version = (await answer.json()).version;
    }
  } catch {
    // The server was killed.
    return version;
  }
}

Deno.test("programs whose write was answered are there after a SIGKILL of the server, and can be run", async () => {
  await using dir = await tempDir();
  const paths = ["programs/p", "sessions/s1/programs/p", "sessions/s1/programs/q"];
  let versions: number[];
  {
    await using server = await ServerProcess.start({ dataDir: dir.path });
    const base = `${server.url}/v1`;
    await (await send(`${base}/sessions/s1`)).body?.cancel();
    await (await send(`${base}/sessions/s2`)).body?.cancel();
    await (await send(`${base}/sessions/s2/programs/p`, { body: { tool: "t" } })).body?.cancel();
    const gone = await send(`${base}/sessions/s2`, { method: "DELETE" });
    assert.equal(gone.status, 204);
    const writers = paths.map((path) => rewrite(`${base}/${path}`));
    // Each writer has been answered at least once by then.
    for (let i = 0; i < 30; i++) {
      await (await send(`${base}/programs/other`, { body: { tool: "t" } })).body?.cancel();
    }
    server.kill("SIGKILL");
    versions = await Promise.all(writers);
  }
  await using server = await ServerProcess.start({ dataDir: dir.path });
  const base = `${server.url}/v1`;
  for (const [i, path] of paths.entries()) {
    const known = versions[i] ?? 0;
    const { version, args } = await (await fetch(`${base}/${path}`)).json();
    // The last write may have been made although its answer got lost.
    assert.ok(known > 0 && (version === known || version === known + 1), `${path}: ${version}`);
    assert.equal(args.a, version - 1);
  }
  const run = await send(`${base}/programs/q/run`, {
    method: "POST",
    body: { args: { a: 20, b: 22 }, sessionId: "s1" },
  });
  assert.equal((await run.json()).result, 42);
  await (await send(`${base}/sessions/s2`)).body?.cancel();
  const old = await fetch(`${base}/sessions/s2/programs/p`);
  assert.deepEqual([old.status, (await old.json()).code], [404, "unknown_program"]);
});

Deno.test("den.programs finds the programs of an earlier host", async () => {
  await using dir = await tempDir();
  {
    await using den = await startDen({ size: 1 }, { dataDir: dir.path });
    const { programs } = await den.sessions.open("s1");
    await programs.put("p", { tool: "add", args: { a: 1, b: 1 }, metadata: { by: "ada" } });
    await den.programs.put("p", { tool: "add", args: { text: "x".repeat(50_000) } });
  }
  await using den = await startDen({ size: 1 }, { dataDir: dir.path });
  const { programs } = await den.sessions.get("s1");
  assert.equal(await programs.run("p"), 2);
  assert.deepEqual((await programs.get("p")).metadata, { by: "ada" });
  assert.equal((await den.programs.get("p")).args["text"], "x".repeat(50_000));
  assert.deepEqual((await den.programs.list()).items.map(({ name }) => name), ["p"]);
});
