/** Tests host tools with real workers that call them, on both carriers. */
import assert from "node:assert/strict";
import { z } from "zod";
import { defineTool, type HostToolCall, type Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { ADAPTERS, startDen, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
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

/** The error that a tool in Python has caught. */
interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly issues?: readonly { readonly path: string }[];
}

/** Defines a tool that is exposed to all pools. */
function exposed(
  name: string,
  run: (args: Record<string, unknown>, call: HostToolCall) => unknown,
): ReturnType<typeof defineTool> {
  return defineTool({ name, expose: "all", run });
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`100. Python → host tool with string, dict, list, None, bool params arrives with the same values (${carrier})`, async () => {
    await using den = await start(carrier);
    den.tools.register(exposed("echo", (args) => args));
    assert.deepEqual(await den.execute("same_types", { name: "echo" }), []);
    for (const tool of ["call", "call_async"]) {
      const args = { text: "ü", none: null, yes: false, list: [1, { a: 2n ** 90n }] };
      assert.deepEqual(await den.execute(tool, { name: "echo", args }), args);
    }
  });

  Deno.test(`105. Binary parameter round-trip byte-exact; non-binary → invalid_arguments (${carrier})`, async () => {
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
    for (const data of ["text", "AAEC", [1, 2], 3, null, new Float32Array(2)]) {
      const args = { name: "reverse", args: { data } };
      const { code, message } = await den.execute<Refusal>("code_of", args);
      assert.equal(code, "invalid_arguments");
      assert.match(message, /args\.data/);
    }
  });

  Deno.test(`101. A host tool not exposed can be neither discovered nor called by Python (${carrier})`, async () => {
    const pool = { adapter: "calls_host_tools:CallsHostTools", modulePaths: [ADAPTERS], carrier };
    await using den = await startDen({}, {
      pools: ["default", "gpu"].map((name) => ({ ...pool, name, size: 1 })),
    });
    const ran: string[] = [];
    const noted = (name: string, expose?: string[]): ReturnType<typeof defineTool> =>
      defineTool({ name, ...(expose && { expose }), run: () => void ran.push(name) });
    den.tools.register([noted("hidden"), noted("other_pool", ["gpu"]), noted("open", ["default"])]);
    assert.deepEqual(await den.execute("names"), ["open"]);
    assert.deepEqual(await den.execute("names", {}, { pool: "gpu" }), ["other_pool"]);
    assert.deepEqual(await den.execute("found", { name: "open" }), [true, true, true]);
    for (const method of ["tools.call", "tools.open"]) {
      const errorOf = (name: string): Promise<Refusal> =>
        den.execute("error_of", { method, args: { id: 1, name, args: {} } });
      const missing = await errorOf("missing");
      assert.equal(missing.code, "unknown_tool");
      for (const name of ["hidden", "other_pool"]) {
        assert.deepEqual(await den.execute("found", { name }), [false, false, false]);
        const { code, message } = await errorOf(name);
        assert.deepEqual([code, message.replace(name, "missing")], [code, missing.message]);
        // A name that is near to it tells nothing.
        assert.ok(!(await errorOf(`${name}x`)).message.includes(`"${name}"`));
      }
    }
    assert.deepEqual(ran, []);
    await den.execute("call", { name: "open", args: {} });
    await den.execute("call", { name: "other_pool", args: {} }, { pool: "gpu" });
    assert.deepEqual(ran, ["open", "other_pool"]);
  });

  Deno.test(`103. Malformed parameter → invalid_arguments naming it; missing tool → unknown_tool naming it; raising tool → failed with message (${carrier})`, async () => {
    await using den = await start(carrier);
    let ran = 0;
    den.tools.register([
      exposed("fails", () => Promise.reject(new Error("no luck"))),
      defineTool({ name: "hidden", run: () => 1 }),
      defineTool({
        name: "lookup",
        expose: "all",
        exposeHttp: true,
        input: z.object({ id: z.number(), rows: z.array(z.object({ name: z.string() })) }),
        run: () => ++ran,
      }),
    ]);
    const errorOf = (name: unknown, args: unknown = {}): Promise<Refusal> =>
      den.execute("error_of", { method: "tools.call", args: { id: 1, name, args } });
    const rows = [{ name: "a" }, { name: 7 }];
    const malformed = await errorOf("lookup", { id: "3", rows, idd: 1 });
    assert.equal(malformed.code, "invalid_arguments");
    assert.deepEqual(malformed.issues?.map(({ path }) => path).slice(0, 2), [
      "args.id",
      "args.rows[1].name",
    ]);
    for (const path of ["args.id", "args.rows[1].name", "idd"]) {
      assert.ok(malformed.message.includes(path), malformed.message);
    }
    for (const args of ["text", [1], 3]) {
      const { code, message } = await errorOf("lookup", args);
      assert.equal(code, "invalid_input");
      assert.match(message, /args: allowed: an object/);
    }
    const unnamed = await errorOf(7);
    assert.equal(unnamed.code, "invalid_input");
    assert.match(unnamed.message, /name: allowed: the name of a host tool/);
    // Over HTTP, where parameters are JSON.
    const app = createApp(den, { version: "0" });
    for (
      const [args, message] of [
        ['{"id":{"$snakeden":"bytes","base64":"%"}}', /args\.id/],
        ['{"id":{"$snakeden":"float","value":"one"}}', /args\.id/],
        ['{"id":1e400}', /args\.id/],
        ['{"id":', /JSON/],
      ] as const
    ) {
      const response = await app.request("/v1/execute", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `{"tool":"lookup","args":${args}}`,
      });
      const { code, detail } = await response.json();
      assert.deepEqual([response.status, code], [400, "invalid_input"], args);
      assert.match(detail, message);
    }
    assert.equal(ran, 0);
    for (const name of ["hidden", "missing"]) {
      const { code, message } = await errorOf(name);
      assert.equal(code, "unknown_tool");
      assert.ok(message.includes(`"${name}"`), message);
    }
    const failed = await errorOf("fails");
    assert.equal(failed.code, "host_tool_failed");
    assert.match(failed.message, /^The host tool "fails" failed: no luck/);
    assert.deepEqual(await den.execute("names"), ["fails", "lookup"]);
  });

  Deno.test(`104. Non-streaming tool via streaming → not_implemented with guidance (${carrier})`, async () => {
    await using den = await start(carrier);
    let ran = 0;
    den.tools.register(exposed("plain", () => ++ran));
    const args = { method: "tools.open", args: { id: 1, name: "plain", args: {} } };
    const { code, message } = await den.execute<Refusal>("error_of", args);
    assert.equal(code, "not_implemented");
    assert.match(message, /^Cannot stream the host tool "plain": .* call it by \.call\(\)/);
    assert.equal(ran, 0, "it has not run");
    assert.equal(await den.execute("call", { name: "plain", args: {} }), 1);
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
            if (state === "busy" && pid !== undefined) signalPid(pid, "SIGKILL");
          }
        }
      }
    }, { code: "worker_crashed" });
    await until(() => closed === 3, "the death of the worker to close it");
  });
}
