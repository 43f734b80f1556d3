/** Tests calls of tools that call tools: Python calls the host, which calls Python. */
import assert from "node:assert/strict";
import { defineTool, type HostToolCall, type Snakeden, type SnakedenOptions } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

interface HostOptions extends Pick<SnakedenOptions, "limits"> {
  readonly carrier: CarrierKind;
  readonly size: number;
  readonly affinity?: "strict_queue";
}

function start({ carrier, size, affinity, limits }: HostOptions): Promise<Snakeden> {
  return startDen({
    carrier,
    size,
    adapter: "calls_host_tools:CallsHostTools",
    cancelGraceMs: 5_000,
    ...(affinity === undefined ? {} : { affinity }),
  }, limits === undefined ? {} : { limits });
}

type Run = (args: Record<string, unknown>, call: HostToolCall) => unknown;

function exposed(name: string, run: Run): ReturnType<typeof defineTool> {
  return defineTool({ name, expose: "all", run });
}

/** Registers a tool that calls a tool in Python, in one of the two ways. */
function registerRelay(den: Snakeden, way: "call" | "den"): Disposable {
  return den.tools.register(exposed("relay", ({ tool, args }, call) => {
    const caller = way === "call" ? call : den;
    return caller.execute(tool as string, args as Record<string, unknown>);
  }));
}

/** Returns arguments of `call` in Python for the relay. */
function relayed(tool: string, args: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "relay", args: { tool, args } };
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a nested call that could only wait for its own ancestors is refused at once (${carrier})`, async () => {
    await using den = await start({ carrier, size: 1 });
    for (const way of ["call", "den"] as const) {
      using _relay = registerRelay(den, way);
      const seen = await den.execute<Record<string, unknown>>("code_of", relayed("names"));
      assert.equal(seen.code, "call_depth_exceeded");
      assert.match(
        String(seen.message),
        /^Cannot run names: it would wait for calls that wait for it: the pool default has the size 1, and its only worker runs calls around it; make the pool larger/,
      );
      const { depth, pool, size } = seen.details as Record<string, unknown>;
      assert.deepEqual([depth, pool, size], [2, "default", 1]);
    }
  });

  Deno.test(`endless recursion Python → host → Python ends with call_depth_exceeded (${carrier})`, async () => {
    for (const [size, maxCallDepth] of [[4, 4], [2, 16]] as const) {
      await using den = await start({ carrier, size, limits: { maxCallDepth } });
      const depths: number[] = [];
      den.tools.register(exposed("recurse_on_host", (_args, call) => {
        depths.push(call.depth);
        return call.execute("recurse", { depth: call.depth });
      }));
      await assert.rejects(den.execute("recurse"), (error: Error) => {
        assert.match(error.message, /call_depth_exceeded/);
        return true;
      });
      // The limit of 4 ends the first one, and the size of the pool the second.
      assert.deepEqual(depths, [1, 3]);
    }
  });

  Deno.test(`a strict session is no way to wait for oneself (${carrier})`, async () => {
    await using den = await start({ carrier, size: 3, affinity: "strict_queue" });
    await den.sessions.open("s1");
    using _relay = registerRelay(den, "call");
    const options = { sessionId: "s1", timeoutMs: 20_000 };
    const seen = await den.execute<Record<string, unknown>>("code_of", relayed("names"), options);
    assert.equal(seen.code, "call_depth_exceeded");
    assert.match(String(seen.message), /its session is bound to default-\d of the pool default/);
    await den.sessions.delete("s1");
  });

  Deno.test(`nested calls carry depth, deadline and session of their caller (${carrier})`, async () => {
    await using den = await start({ carrier, size: 2 });
    den.tools.register(exposed("report", (_args, { depth, remainingMs, sessionId, workerId }) => ({
      depth,
      remainingMs,
      sessionId,
      isWorker: workerId?.startsWith("default-"),
    })));
    for (const way of ["call", "den"] as const) {
      using _relay = registerRelay(den, way);
      const report = await den.execute<Record<string, unknown>>(
        "call",
        relayed("call", { name: "report", args: {} }),
        { sessionId: "s1", timeoutMs: 20_000 },
      );
      assert.deepEqual([report.depth, report.isWorker], [3, true]);
      assert.equal(report.sessionId, way === "call" ? "s1" : undefined);
      const left = Number(report.remainingMs);
      assert.ok(left > 0 && left <= 20_000, `${left} ms are left of 20,000`);
      const onHost = await den.execute<Record<string, unknown>>("relay", { tool: "report" });
      assert.equal(onHost.depth, 1, "a host tool that calls another one");
    }
  });

  Deno.test(`a caller that leaves cancels the nested calls (${carrier})`, async () => {
    await using den = await start({ carrier, size: 2 });
    const signals: AbortSignal[] = [];
    den.tools.register(exposed("hang", (_args, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    }));
    for (const way of ["call", "den"] as const) {
      using _relay = registerRelay(den, way);
      signals.length = 0;
      const leaving = new AbortController();
      const nested = relayed("call", { name: "hang", args: {} });
      const left = den.execute("call", nested, { signal: leaving.signal });
      await until(() => signals.length === 1, "the innermost tool to run");
      leaving.abort(new Error("gone"));
      await assert.rejects(left, { message: "gone" });
      await until(() => signals[0]?.aborted, "the innermost tool to be told");
      await until(
        () => den.pools.get("default").workers.ready === 2,
        "both workers to be free",
      );
    }
  });

  Deno.test(`a host tool streams what a tool in Python streams to it (${carrier})`, async () => {
    await using den = await start({ carrier, size: 2 });
    let closed = 0;
    den.tools.register([
      defineTool({
        name: "source",
        expose: "all",
        async *run(): AsyncGenerator<number> {
          try {
            for (let n = 0;; n++) yield n;
          } finally {
            closed++;
          }
        },
      }),
      defineTool({
        name: "evens",
        expose: "all",
        async *run(_args, call): AsyncGenerator<number> {
          for await (const n of call.stream<number>("relay", { name: "source" })) {
            if (n % 2 === 0) yield n;
          }
        },
      }),
    ]);
    const read = await den.execute<unknown[]>("follow", { name: "evens", args: {}, limit: 500 });
    assert.deepEqual(read.slice(0, 500), Array.from({ length: 500 }, (_, i) => 2 * i));
    await until(() => closed === 1, "the innermost generator to be closed");
  });
}

Deno.test("a host tool that has returned leaves calls that it did not await to run on", async () => {
  await using den = await start({ carrier: "socket", size: 2 });
  const left: Promise<unknown>[] = [];
  den.tools.register([
    exposed("report", (_args, { depth }) => depth),
    exposed("fire", (_args, call) => {
      left.push(den.execute("call", { name: "report", args: {} }));
      left.push(call.execute("call", { name: "report", args: {} }));
      return Promise.resolve("fired");
    }),
  ]);
  assert.equal(await den.execute("call", { name: "fire", args: {} }), "fired");
  const [plain, own] = await Promise.allSettled(left);
  assert.deepEqual(plain, { status: "fulfilled", value: 3 });
  assert.equal(own?.status, "rejected", "its own call ends with it");
});
