/** Tests host tools with real workers that call them, on both carriers. */
import assert from "node:assert/strict";
import { z } from "zod";
import { defineTool, type HostToolCall, type Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** Starts a host whose tools in Python call host tools. */
function start(carrier: CarrierKind, size = 2): Promise<Snakeden> {
  return startDen({
    carrier,
    size,
    adapter: "calls_host_tools:CallsHostTools",
    cancelGraceMs: 5_000,
  });
}

/** Defines a tool that is exposed to all pools. */
function exposed(
  name: string,
  run: (args: Record<string, unknown>, call: HostToolCall) => unknown,
): ReturnType<typeof defineTool> {
  return defineTool({ name, expose: "all", run });
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Python → host tool with string, dict, list, None, bool params arrives with the same values (${carrier})`, async () => {
    await using den = await start(carrier);
    den.tools.register(exposed("echo", (args) => args));
    assert.deepEqual(await den.execute("same_types", { name: "echo" }), []);
    for (const tool of ["call", "call_async"]) {
      const args = { text: "ü", none: null, yes: false, list: [1, { a: 2n ** 90n }] };
      assert.deepEqual(await den.execute(tool, { name: "echo", args }), args);
    }
  });

  Deno.test(`a binary parameter of a host tool makes the round trip byte-exact; non-binary → invalid_arguments (${carrier})`, async () => {
    await using den = await start(carrier);
    den.tools.register(defineTool({
      name: "reverse",
      input: z.object({ data: z.instanceof(Uint8Array) }),
      expose: "all",
      run: ({ data }) => data.toReversed(),
    }));
    for (const size of [0, 3, 1_000_000]) {
      const data = new Uint8Array(size).map((_, i) => (i * 7) % 256);
      const args = { name: "reverse", args: { data } };
      assert.deepEqual(await den.execute("call", args), data.toReversed());
    }
    const refused = await den.execute<Record<string, unknown>>("code_of", {
      name: "reverse",
      args: { data: "text" },
    });
    assert.equal(refused.code, "invalid_arguments");
    assert.match(String(refused.message), /args\.data/);
  });

  Deno.test(`missing host tool → error naming it; raising tool → failed with message (${carrier})`, async () => {
    await using den = await start(carrier);
    den.tools.register([
      exposed("fails", () => Promise.reject(new Error("no luck"))),
      defineTool({ name: "hidden", run: () => 1 }),
    ]);
    const codeOf = (name: string): Promise<Record<string, unknown>> =>
      den.execute("code_of", { name, args: {} });
    for (const name of ["hidden", "missing"]) {
      const { code, message } = await codeOf(name);
      assert.equal(code, "unknown_tool");
      assert.ok(String(message).includes(`"${name}"`), String(message));
    }
    const failed = await codeOf("fails");
    assert.equal(failed.code, "host_tool_failed");
    assert.match(String(failed.message), /^The host tool "fails" failed: no luck/);
    assert.deepEqual(await den.execute("names"), ["fails"]);
  });

  Deno.test(`a tool of a session is seen in its calls, until the session is deleted (${carrier})`, async () => {
    await using den = await start(carrier);
    await den.sessions.open("s1");
    await den.sessions.open("s2");
    den.tools.register(exposed("own", (_args, { sessionId }) => sessionId), { sessionId: "s1" });
    const seen = (sessionId: string): Promise<string[]> => den.execute("names", {}, { sessionId });
    assert.deepEqual([await seen("s1"), await seen("s2")], [["own"], []]);
    const args = { name: "own", args: {} };
    assert.equal(await den.execute("call", args, { sessionId: "s1" }), "s1");
    await den.sessions.delete("s1");
    assert.deepEqual(await seen("s1"), []);
  });

  Deno.test(`a tool of a session ends when the session expires (${carrier})`, async () => {
    await using den = await start(carrier);
    await den.sessions.open("s1", { ttlMs: 100 });
    den.tools.register(exposed("own", () => 1), { sessionId: "s1" });
    // Looking for the tools would be a use of the session.
    const expiresAt = Date.now() + 150;
    await until(() => Date.now() > expiresAt, "the session to expire");
    assert.deepEqual(await den.execute("names", {}, { sessionId: "s1" }), []);
  });

  Deno.test(`a caller that leaves aborts the signal of the host tool (${carrier})`, async () => {
    await using den = await start(carrier);
    const signals: AbortSignal[] = [];
    den.tools.register(exposed("hang", (_args, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    }));
    const pids = workersOf({ runId: den.runId });
    for (const tool of ["call", "call_async"]) {
      signals.length = 0;
      const leaving = new AbortController();
      const left = den.execute(tool, { name: "hang", args: {} }, { signal: leaving.signal });
      await until(() => signals.length > 0, "the host tool to be called");
      leaving.abort(new Error("gone"));
      await assert.rejects(left, { message: "gone" });
      await until(() => signals[0]?.aborted, "the host tool to be told");
    }
    await assert.rejects(
      den.execute("call", { name: "hang", args: {} }, { timeoutMs: 300 }),
      { code: "deadline_exceeded" },
    );
    await until(() => signals.at(-1)?.aborted, "the host tool to be told");
    assert.deepEqual(workersOf({ runId: den.runId }), pids, "no worker was killed");
  });

  Deno.test(`the death of a worker closes the generators that it reads (${carrier})`, async () => {
    await using den = await start(carrier);
    let closed = 0;
    den.tools.register(defineTool({
      name: "count",
      expose: "all",
      async *run(): AsyncGenerator<number> {
        try {
          for (let n = 0;; n++) yield n;
        } finally {
          closed++;
        }
      },
    }));
    const expected = { name: "count", args: {}, limit: 1_500 };
    const read = await den.execute<unknown[]>("follow", expected);
    assert.deepEqual(read, [...Array(1_500).keys(), null]);
    assert.equal(closed, 1, "cancelled");
    await den.execute("opens_and_returns", { name: "count" });
    await until(() => closed === 2, "the end of the call to close it");
    const stream = den.stream("relay", { name: "count" });
    await assert.rejects(async () => {
      for await (const chunk of stream) {
        if (chunk === 10) {
          for (const { pid, state } of den.workers.list()) {
            if (state === "busy" && pid !== undefined) Deno.kill(pid, "SIGKILL");
          }
        }
      }
    }, { code: "worker_crashed" });
    await until(() => closed === 3, "the death of the worker to close it");
  });
}
