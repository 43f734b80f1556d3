/** Tests tools of the host that Python tools use, with real workers on both carriers. */
import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import type { CallOptions } from "../../src/calls/mod.ts";
import { loadProgramConfig } from "../../src/config/mod.ts";
import { PythonError, SnakedenError } from "../../src/errors.ts";
import { compose, type Host } from "../../src/host/mod.ts";
import { HostToolTable, type TableTool } from "../fixtures/fakes/host_tool_table.ts";
import { ADAPTERS, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { nextTurn, until } from "../fixtures/until.ts";

interface ToolHost extends AsyncDisposable {
  readonly host: Host;
  readonly table: HostToolTable;
  execute<T = unknown>(
    tool: string,
    args: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<T>;
}

/** Starts a host whose tools Python may use. */
async function start(
  carrier: CarrierKind,
  tools: Readonly<Record<string, TableTool>>,
): Promise<ToolHost> {
  const dir = await tempDir();
  const { config } = await loadProgramConfig({
    dataDir: dir.path,
    pools: [{
      name: "default",
      size: 2,
      carrier,
      adapter: "calls_host:CallsHost",
      modulePaths: [ADAPTERS],
      cancelGraceMs: 5_000,
    }],
    python: { executable: await devPython() },
  });
  const table = new HostToolTable({ echo: (args) => args, ...tools });
  const host = await compose(config, { hostMethods: table.methods });
  return {
    host,
    table,
    execute: (tool, args, options = {}) =>
      host.calls.execute(tool, args, options, start) as Promise<never>,
    async [Symbol.asyncDispose](): Promise<void> {
      await host.shutdown.run();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function* count({ to = Infinity }: { to?: number }): Generator<unknown> {
  for (let i = 0; i < to; i++) yield i;
  return to;
}

/** Yields its arguments once, and then nothing until it is stopped. */
async function* drip(args: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<unknown> {
  yield args;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function hang(_args: unknown, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  );
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Python calls a tool of the host with string, dict, list, None and bool, and gets the same values (${carrier})`, async () => {
    await using it = await start(carrier, {});
    const args = {
      text: "Grüße",
      dict: { a: { b: [] } },
      list: [1, 2.5, "x"],
      nothing: null,
      yes: true,
      big: 2n ** 80n,
      bytes: new Uint8Array([0, 255]),
      numbers: new Float32Array([1.5, 2.5]),
    };
    for (const tool of ["call", "acall"]) {
      assert.deepEqual(await it.execute(tool, { name: "echo", args }, { arrays: "base64" }), args);
    }
    assert.deepEqual(await it.execute("by_attribute", { args: { id: 3 } }), { id: 3 });
    assert.deepEqual(it.table.asked, ["call", "call", "call"], "nothing else is asked for");
    assert.deepEqual(await it.execute("types", {}), [
      "int",
      // JSON of the host has one form for whole numbers of both types.
      "int",
      "bool",
      "NoneType",
      "int",
      "str",
      "bytes",
      "list",
      "ndarray",
    ]);
  });

  Deno.test(`large arrays go to a tool of the host and back in shared memory (${carrier})`, async () => {
    await using it = await start(carrier, {
      double: ({ x }) => (x as Float64Array).map((each) => 2 * each),
    });
    for (let i = 0; i < 5; i++) {
      const x = new Float64Array(100_000).fill(i);
      const seen = await it.execute<Float64Array>("call", { name: "double", args: { x } }, {
        arrays: "base64",
      });
      assert.equal(seen.length, 100_000);
      assert.equal(seen[99_999], 2 * i);
    }
  });

  Deno.test(`an error of a tool of the host is a Python exception with its code (${carrier})`, async () => {
    await using it = await start(carrier, {
      lookup: () => {
        throw new SnakedenError("host_tool_failed", "No customer 3", { details: { id: 3 } });
      },
    });
    const told = await it.execute<Record<string, unknown>>("catches", { name: "lookup", args: {} });
    assert.deepEqual([told.tool, told.code, told.message, told.details], [
      "lookup",
      "host_tool_failed",
      "No customer 3",
      { id: 3 },
    ]);
    await assert.rejects(it.execute("call", { name: "lookup", args: {} }), {
      code: "python_exception",
      message: "tool 'call' raised snakeden.errors.HostToolError: " +
        'host tool "lookup": No customer 3 (host_tool_failed)',
    });
    const unknown = await it.execute<{ code: string }>("catches", { name: "lokup", args: {} });
    assert.equal(unknown.code, "unknown_tool");
    const unary = await it.execute<Record<string, string>>("catches", {
      name: "echo",
      args: {},
      how: "stream",
    });
    assert.equal(unary.code, "not_implemented");
    assert.match(unary.message ?? "", /call it by \.call\(\)/);
  });

  Deno.test(`an error that passes through Python, the host and Python again names each tool (${carrier})`, async () => {
    const found: { it?: ToolHost } = {};
    await using it = await start(carrier, { nested: () => found.it?.execute("fails", {}) });
    found.it = it;
    await assert.rejects(it.execute("acall", { name: "nested", args: {} }), {
      code: "python_exception",
      message: "tool 'acall' raised snakeden.errors.HostToolError: " +
        `host tool "nested": tool 'fails' raised ValueError: no (python_exception)`,
    });
    // A caller can tell by the code why the host has refused.
    for (
      const [tool, args, code] of [
        ["nested", {}, "python_exception"],
        ["echoo", {}, "unknown_tool"],
      ] as const
    ) {
      const error = await it.execute("call", { name: tool, args }).catch((thrown) => thrown);
      assert.ok(error instanceof PythonError);
      assert.deepEqual(error.details.cause, { code, tool });
      assert.deepEqual(Object.keys(error.python), ["type", "message", "traceback"]);
    }
    const plain = await it.execute("fails", {}).catch((thrown) => thrown);
    assert.ok(plain instanceof PythonError && !("cause" in plain.details));
  });

  Deno.test(`Python lists and describes the tools of the host (${carrier})`, async () => {
    await using it = await start(carrier, { count });
    assert.deepEqual(await it.execute("lists", {}), {
      names: ["echo", "count"],
      iter: ["echo", "count"],
      len: 2,
      in: [true, false],
      echo: ["echo", "The tool echo", false, null, { owner: "test" }],
      schemas: [{ type: "object" }, null],
    });
    assert.deepEqual(it.table.asked, ["list"]);
  });

  Deno.test(`Python reads a stream of the host to its end (${carrier})`, async () => {
    await using it = await start(carrier, { count });
    const all = Array.from({ length: 2_500 }, (_, i) => i);
    for (const tool of ["items", "items_async"]) {
      it.table.asked.length = 0;
      const args = { name: "count", args: { to: 2_500 } };
      assert.deepEqual(await it.execute(tool, args), [all, 2_500, []]);
      assert.deepEqual(it.table.asked, ["open", "next", "next"], "many items come at a time");
    }
    assert.deepEqual(await it.execute("call", { name: "count", args: { to: 3 } }), [0, 1, 2]);
    assert.equal(it.table.running, 0);
  });

  Deno.test(`leaving a stream of the host early closes its generator (${carrier})`, async () => {
    let ends = 0;
    await using it = await start(carrier, {
      *endless(): Generator<number> {
        try {
          for (let i = 0;; i++) yield i;
        } finally {
          ends++;
        }
      },
    });
    for (const tool of ["leaves", "leaves_async"]) {
      for (const how of ["break", "close", "with", "end of the call"]) {
        const args = { name: "endless", args: {}, how };
        assert.equal(await it.execute(tool, args), 0);
        await until(() => it.table.running === 0, `the end of the stream by ${how}`);
      }
    }
    assert.equal(ends, 8);
  });

  Deno.test(`a thread that waits for the host ends when another closes its stream (${carrier})`, async () => {
    await using it = await start(carrier, { drip });
    const args = { name: "drip", args: { a: 1 } };
    assert.deepEqual(await it.execute("closes_in_thread", args), [{ a: 1 }]);
    await until(() => it.table.running === 0, "the end of the stream");
  });

  Deno.test(`a task that is cancelled stops its tool of the host, while the call goes on (${carrier})`, async () => {
    const signals: AbortSignal[] = [];
    await using it = await start(carrier, {
      hang: (args, how) => {
        signals.push(how.signal);
        return hang(args, how);
      },
      drip,
    });
    const unary = { name: "hang", args: {} };
    assert.equal(await it.execute("cancels_task", unary), "cancelled");
    assert.ok(signals[0]?.aborted);
    assert.equal(
      await it.execute("cancels_task", { name: "drip", args: {}, stream: true }),
      "cancelled",
    );
    assert.equal(await it.execute("alarm", unary), "the alarm");
    assert.ok(signals.at(-1)?.aborted);
    await until(() => it.table.running === 0, "everything to be stopped");
  });

  Deno.test(`a caller that leaves stops the tool of the host, and keeps the worker (${carrier})`, async () => {
    await using it = await start(carrier, { hang, drip });
    const pids = workersOf({ runId: it.host.runId });
    for (const [tool, name] of [["call", "hang"], ["acall", "hang"], ["items", "drip"]] as const) {
      const leaving = new AbortController();
      const left = it.execute(tool, { name, args: {} }, { signal: leaving.signal });
      await until(() => it.table.running === 1, "the host to be asked");
      leaving.abort(new Error("gone"));
      await assert.rejects(left, { message: "gone" });
      await until(() => it.table.running === 0, "the tool of the host to be stopped");
      await until(() => it.host.pools.get("default").workers.ready === 2, "the worker to be free");
    }
    assert.deepEqual(workersOf({ runId: it.host.runId }), pids);
  });

  Deno.test(`a reader that leaves a stream of Python ends the stream of the host that it passes on (${carrier})`, async () => {
    const made: unknown[] = [];
    await using it = await start(carrier, {
      *endless(): Generator<unknown> {
        for (let i = 0;; i++) {
          made.push(i);
          yield i;
        }
      },
    });
    for (const tool of ["passes_on", "passes_on_async"]) {
      made.length = 0;
      const seen: unknown[] = [];
      for await (const item of it.host.calls.stream(tool, { name: "endless", args: {} }, {})) {
        if (seen.push(item) === 2_500) break;
      }
      assert.deepEqual(seen, made.slice(0, 2_500));
      await until(() => it.table.running === 0, "the end of the stream of the host");
      await until(() => it.host.pools.get("default").workers.ready === 2, "the worker to be free");
    }
  });

  Deno.test(`a stream of the host goes no further than its slow reader and one window (${carrier})`, async () => {
    let made = 0;
    await using it = await start(carrier, {
      *endless(): Generator<unknown> {
        for (;;) {
          made++;
          yield "x".repeat(1_000);
        }
      },
    });
    const stream = it.host.calls.stream("passes_on", { name: "endless", args: {} }, {});
    const reader = stream[Symbol.asyncIterator]();
    for (let i = 0; i < 200; i++) {
      await reader.next();
      await nextTurn();
    }
    // Each batch has 1,000 items of 1 kB, and the window of the stream has 1 MiB.
    assert.ok(made <= 4_000, `${made} items were made for a reader of 200`);
    await reader.return?.();
    await until(() => it.table.running === 0, "the end of the stream of the host");
  });

  Deno.test(`calls that are stopped at any moment leave nothing behind, and keep their workers (${carrier})`, async () => {
    await using it = await start(carrier, { count });
    const pids = workersOf({ runId: it.host.runId });
    for (let i = 0; i < 60; i++) {
      const signal = AbortSignal.timeout(1 + (i * 7) % 29);
      const tool = i % 2 === 0 ? "churns" : "churns_async";
      await assert.rejects(it.execute(tool, { name: "count" }, { signal }), {
        name: "TimeoutError",
      });
    }
    await until(() => it.table.running === 0, "everything to be stopped");
    await until(() => it.host.pools.get("default").workers.ready === 2, "the workers to be free");
    assert.deepEqual(workersOf({ runId: it.host.runId }), pids);
  });

  Deno.test(`the death of a worker stops what the host does for it (${carrier})`, async () => {
    await using it = await start(carrier, { hang, drip });
    for (const [tool, name] of [["call", "hang"], ["items", "drip"]] as const) {
      const dying = it.execute(tool, { name, args: {} });
      await until(() => it.table.running === 1, "the host to be asked");
      for (const pid of workersOf({ runId: it.host.runId })) signalPid(pid, "SIGKILL");
      await assert.rejects(dying, { code: "worker_crashed" });
      await until(() => it.table.running === 0, "the tool of the host to be stopped");
      await until(() => it.host.pools.get("default").workers.ready === 2, "new workers");
    }
  });

  Deno.test(`300 calls of host tools at once all end, and never hold up the session (${carrier})`, async () => {
    const ready = { it: Promise.withResolvers<void>() };
    await using it = await start(carrier, {
      late: async ({ number }) => {
        await ready.it.promise;
        return number;
      },
    });
    const session = await it.host.sessions.open("s-1");
    for (const tool of ["in_threads", "gathers"]) {
      ready.it = Promise.withResolvers();
      const options = { sessionId: "s-1" };
      const called = it.execute<number[]>(tool, { name: "late", count: 300 }, options);
      // The tool sets it while its calls have taken all of their places.
      await until(() => it.table.running === 128, "as many calls as may run at a time");
      const written = (): Promise<unknown> => session.variables.get("ready").catch(() => false);
      await until(written, "the tool to write a variable");
      ready.it.resolve();
      assert.deepEqual(await called, Array.from({ length: 300 }, (_, i) => i));
      await session.variables.delete("ready");
    }
  });
}
