import assert from "node:assert/strict";
import { z } from "zod";
import { nextTurn } from "../../../src/async/mod.ts";
import { NdArray } from "../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { defineTool, type HostToolCall } from "../../../src/tools/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { callOf, doorTo, exposed } from "./asking_call.ts";

Deno.test("tools.call runs a host tool with string, dict, list, None, bool and more as they are", async () => {
  const seen: unknown[] = [];
  using door = doorTo(exposed("echo", (args) => (seen.push(args), args)));
  const args = {
    text: "ü漢🐍",
    dict: { a: { b: [] } },
    list: [1, "2", [3]],
    none: null,
    yes: true,
    whole: 3,
    float: 2.5,
    big: 2n ** 80n,
    bytes: new Uint8Array([0, 255]),
    array: new Float64Array([1, 2]),
    matrix: new NdArray("<f4", [1, 2], new Float32Array([1, 2])),
  };
  assert.deepEqual(await door.ask("tools.call", { id: 1, name: "echo", args }), args);
  assert.deepEqual(seen, [args]);
});

Deno.test("a host tool not exposed can be neither discovered nor called by Python", async () => {
  using door = doorTo(
    exposed("open", () => 1),
    exposed("gpu_only", () => 2, { expose: ["gpu"] }),
    defineTool({ name: "hidden", exposeHttp: true, run: () => 3 }),
  );
  const names = async (pool: string): Promise<string[]> => {
    const { tools } = await door.ask("tools.list", {}, callOf({ pool })) as {
      tools: { name: string }[];
    };
    return tools.map(({ name }) => name);
  };
  assert.deepEqual(await names("default"), ["open"]);
  assert.deepEqual(await names("gpu"), ["open", "gpu_only"]);
  const texts: string[] = [];
  for (const name of ["gpu_only", "hidden", "missing"]) {
    for (const method of ["tools.call", "tools.open"]) {
      await assert.rejects(door.ask(method, { id: 1, name, args: {} }), (error: SnakedenError) => {
        assert.deepEqual([error.code, error.details], ["unknown_tool", { tool: name }]);
        texts.push(error.message.replace(name, "NAME"));
        return true;
      });
    }
  }
  assert.deepEqual([...new Set(texts)], [
    'There is no host tool "NAME" for the pool default; there is only open',
  ]);
  assert.equal(
    await door.ask("tools.call", { id: 1, name: "gpu_only" }, callOf({ pool: "gpu" })),
    2,
  );
});

Deno.test("tools.list describes the tools of all calls and of the session", async () => {
  using door = doorTo(exposed("a", () => 1, { description: "Does a.", metadata: { cost: 3 } }));
  door.tools.register(
    defineTool({
      name: "b",
      input: z.object({ n: z.number() }),
      output: z.string(),
      timeoutMs: 9,
      stallTimeoutMs: 8,
      expose: ["default"],
      async *run(): AsyncGenerator<string> {},
    }),
    { sessionId: "s1" },
  );
  const { tools } = await door.ask("tools.list", {}, callOf({ sessionId: "s1" })) as {
    tools: unknown[];
  };
  assert.deepEqual(tools, [{
    name: "a",
    description: "Does a.",
    inputSchema: { type: "object", additionalProperties: {} },
    streams: false,
    metadata: { cost: 3 },
  }, {
    name: "b",
    description: "",
    inputSchema: {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
      additionalProperties: false,
    },
    outputSchema: { type: "string" },
    streams: true,
    timeoutMs: 9,
    stallTimeoutMs: 8,
    metadata: {},
  }]);
  await assert.rejects(door.ask("tools.call", { id: 1, name: "b" }), { code: "unknown_tool" });
});

Deno.test("wrong arguments of a host tool are refused, naming every field", async () => {
  using door = doorTo(exposed("lookup", () => 1, {
    input: z.object({ id: z.number(), rows: z.array(z.object({ name: z.string() })) }) as never,
  }));
  const args = { id: "3", rows: [{ name: "a" }, { name: 7 }], idd: 1 };
  await assert.rejects(door.ask("tools.call", { id: 1, name: "lookup", args }), {
    code: "invalid_arguments",
    issues: [
      { path: "args.id", message: "Invalid input: expected number, received string" },
      { path: "args.rows[1].name", message: "Invalid input: expected string, received number" },
      { path: "args.idd", message: "there is no such argument" },
    ],
  });
  assert.equal(door.runs.running, 0);
});

Deno.test("malformed arguments of the methods are refused, naming the field", async () => {
  using door = doorTo(exposed("a", () => 1));
  const wrong: [string, unknown, string][] = [
    ["tools.call", { id: 1, name: 7, args: {} }, "name"],
    ["tools.call", { id: "1", name: "a", args: {} }, "id"],
    ["tools.call", { id: 1, name: "a", args: [1] }, "args"],
    ["tools.call", null, "name"],
    ["tools.next", {}, "id"],
    ["tools.cancel", { id: 1.5 }, "id"],
  ];
  for (const [method, args, path] of wrong) {
    await assert.rejects(door.ask(method, args), (error: SnakedenError) => {
      assert.equal(error.code, "invalid_input");
      assert.deepEqual((error.details.issues as { path: string }[]).map((it) => it.path), [path]);
      return true;
    });
  }
});

Deno.test("a raising host tool → failed with its message; errors of Snakeden keep their code", async () => {
  using door = doorTo(
    exposed("throws", () => {
      throw new TypeError("no luck");
    }),
    exposed("rejects", () => Promise.reject(new Error("no luck"))),
    exposed("refuses", () => {
      throw new SnakedenError("version_conflict", "too old", { details: { currentVersion: 3 } });
    }),
    exposed("throws_text", () => Promise.reject("plain text")),
    exposed("yields_error", async function* (): AsyncGenerator<unknown> {
      yield 1;
      throw new Error("no luck");
    }),
  );
  const call = (name: string): Promise<unknown> =>
    door.ask("tools.call", { id: 1, name, args: {} });
  for (const name of ["throws", "rejects", "yields_error"]) {
    await assert.rejects(call(name), {
      code: "host_tool_failed",
      message: `The host tool "${name}" failed: no luck`,
      details: { tool: name },
    });
  }
  await assert.rejects(call("throws_text"), { message: /failed: plain text$/ });
  await assert.rejects(call("refuses"), {
    code: "version_conflict",
    message: "too old",
    details: { currentVersion: 3 },
  });
  assert.equal(door.runs.running, 0);
});

Deno.test("a host tool that returns undefined answers null; a wrong output names the field", async () => {
  using door = doorTo(
    exposed("nothing", () => undefined),
    exposed("later", () => Promise.resolve()),
    exposed("wrong", () => ({ rows: [{ name: 7 }] }), {
      output: z.object({ rows: z.array(z.object({ name: z.string() })) }) as never,
    }),
    exposed("function", () => ({ inner: [() => 1] })),
  );
  const call = (name: string): Promise<unknown> =>
    door.ask("tools.call", { id: 1, name, args: {} });
  assert.deepEqual([await call("nothing"), await call("later")], [null, null]);
  await assert.rejects(call("wrong"), {
    code: "host_tool_failed",
    message: 'The host tool "wrong" failed: it returned what its output schema refuses: ' +
      "result.rows[0].name: Invalid input: expected string, received number",
  });
  await assert.rejects(call("function"), {
    code: "host_tool_failed",
    message: /failed: Cannot send the result\.inner\[0\]: a function cannot be sent/,
  });
});

Deno.test("a host tool that returns 100 MB is refused, naming the limit", async () => {
  const large = ["x".repeat(100_000_000), new Uint8Array(100_000_000), {
    rows: [["x".repeat(2e6)]],
  }];
  using door = doorTo(
    exposed("large", (args) => large[(args as { at: number }).at]),
    exposed("chunks", async function* (): AsyncGenerator<unknown> {
      while (true) yield "x".repeat(90_000);
    }),
    exposed("chunk", function* (): Generator<unknown> {
      yield large[0];
    }),
  );
  const call = (name: string, args = {}): Promise<unknown> =>
    door.ask("tools.call", { id: 1, name, args });
  for (const at of large.keys()) {
    await assert.rejects(call("large", { at }), {
      code: "result_too_large",
      message: 'Cannot send the result of the host tool "large": the limit is 1000000 bytes ' +
        "(limits.maxResultBytes)",
    });
  }
  for (const name of ["chunks", "chunk"]) {
    await assert.rejects(call(name), { code: "result_too_large" });
  }
  assert.equal(door.runs.running, 0, "the endless generator is closed");
});

Deno.test("a host tool that hangs ends with its own timeout, or with its caller's deadline", async () => {
  const signals: AbortSignal[] = [];
  const hang = ((_args: unknown, { signal }: HostToolCall) => {
    signals.push(signal);
    return new Promise(() => {});
  }) as never;
  using door = doorTo(
    exposed("short", hang, { timeoutMs: 20 }),
    exposed("long", hang, { timeoutMs: 60_000 }),
    exposed("stream", async function* (): AsyncGenerator<unknown> {
      yield 1;
      await new Promise(() => {});
    }, { timeoutMs: 20 }),
  );
  for (
    const [name, remainingMs, what] of [
      ["short", 60_000, "its 20 ms"],
      ["long", 20, "the deadline of its caller"],
    ] as const
  ) {
    await assert.rejects(
      door.ask("tools.call", { id: 1, name, args: {} }, callOf({ remainingMs })),
      {
        code: "deadline_exceeded",
        message: `Cannot finish the host tool ${name}: ${what} passed`,
      },
    );
  }
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
  const call = callOf();
  await door.ask("tools.open", { id: 1, name: "stream", args: {} }, call);
  await assert.rejects(door.ask("tools.next", { id: 1 }, call), { code: "deadline_exceeded" });
  await assert.rejects(door.ask("tools.next", { id: 1 }, call), { code: "stream_gone" });
});

Deno.test("the signal of a host tool aborts when its call is cancelled, ends, or tools.cancel arrives", async () => {
  const signals: AbortSignal[] = [];
  using door = doorTo(
    exposed("hang", (_args, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    }),
    exposed("ends", async (_args, { signal }) => {
      signals.push(signal);
      await Promise.resolve();
      return 7;
    }),
  );
  const caller = new AbortController();
  const call = callOf({ signal: caller.signal });
  const left = door.ask("tools.call", { id: 1, name: "hang", args: {} }, call);
  caller.abort(new SnakedenError("cancelled", "The call was told to stop"));
  await assert.rejects(left, { code: "cancelled", message: "The call was told to stop" });
  const own = callOf();
  const cancelled = door.ask("tools.call", { id: 2, name: "hang", args: {} }, own);
  assert.equal(await door.ask("tools.cancel", { id: 2 }, own), null);
  await assert.rejects(cancelled, { code: "cancelled" });
  assert.equal(await door.ask("tools.cancel", { id: 99 }, own), null, "an unknown id is no error");
  assert.equal(await door.ask("tools.call", { id: 3, name: "ends", args: {} }, own), 7);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true, true]);
  assert.equal(door.runs.running, 0);
});

Deno.test("non-streaming tool via streaming ask → not_implemented with guidance", async () => {
  let ran = 0;
  using door = doorTo(exposed("plain", () => ++ran));
  await assert.rejects(door.ask("tools.open", { id: 1, name: "plain", args: {} }), {
    code: "not_implemented",
    message: 'Cannot stream the host tool "plain": it sends no chunks; call it by .call()',
  });
  assert.equal(ran, 0);
});

Deno.test("a streaming tool is read in batches, and called for the list of its chunks", async () => {
  const chunks = Array.from({ length: 2_500 }, (_, i) => i);
  using door = doorTo(
    exposed("sync", function* (): Generator<unknown> {
      yield* chunks;
      return "over";
    }),
    exposed("async", async function* (): AsyncGenerator<unknown> {
      for (const chunk of chunks) yield chunk;
      return "over";
    }),
  );
  for (const name of ["sync", "async"]) {
    const call = callOf();
    const items: unknown[] = [];
    let batch = await door.ask("tools.open", { id: 5, name, args: {} }, call) as Answer;
    let asks = 1;
    for (; !batch.done; asks++) {
      assert.ok(batch.items.length > 0 && batch.items.length <= 1_000);
      items.push(...batch.items);
      batch = await door.ask("tools.next", { id: 5 }, call) as Answer;
    }
    items.push(...batch.items);
    assert.deepEqual([items, batch.result], [chunks, "over"]);
    assert.ok(asks < 100, `${asks} asks`);
    await assert.rejects(door.ask("tools.next", { id: 5 }, call), { code: "stream_gone" });
    assert.deepEqual(await door.ask("tools.call", { id: 1, name, args: {} }), chunks);
  }
});

interface Answer {
  readonly items: readonly unknown[];
  readonly done: boolean;
  readonly result?: unknown;
}

Deno.test("a generator is pulled only as far as it is asked, and closed on every end", async () => {
  let made = 0;
  const ends: string[] = [];
  using door = doorTo(
    exposed("count", async function* ({ name }: Record<string, unknown>): AsyncGenerator<unknown> {
      try {
        for (let n = 0;; n++) {
          made++;
          yield n === 3 && name === "throws"
            ? Promise.reject(new Error("no luck"))
            : "x".repeat(100_000);
        }
      } finally {
        ends.push(String(name));
      }
    }),
  );
  const open = (call: ReturnType<typeof callOf>, id: number, name: string): Promise<unknown> =>
    door.ask("tools.open", { id, name: "count", args: { name } }, call);
  const caller = new AbortController();
  const call = callOf({ signal: caller.signal });
  await open(call, 1, "cancelled");
  const before = made;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(before <= 4, `${before} were made for the first batch`);
  assert.ok(made <= before + 1, "nobody has asked for more");
  await door.ask("tools.cancel", { id: 1 }, call);
  await open(call, 2, "left");
  await open(call, 3, "left");
  caller.abort(new SnakedenError("cancelled", "gone"));
  const other = callOf();
  await open(other, 1, "throws");
  await assert.rejects(door.ask("tools.next", { id: 1 }, other), { code: "host_tool_failed" });
  await open(other, 2, "stopped");
  door.runs[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(ends, ["cancelled", "left", "left", "throws", "stopped"]);
  assert.equal(door.runs.running, 0);
});

Deno.test("an id that is in use is refused, and its call goes on", async () => {
  const gate = Promise.withResolvers<number>();
  using door = doorTo(
    exposed("wait", () => gate.promise),
    exposed("count", function* (): Generator<unknown> {
      yield 1;
      yield gate.promise;
    }),
  );
  const call = callOf();
  const first = door.ask("tools.call", { id: 1, name: "wait", args: {} }, call);
  await assert.rejects(door.ask("tools.call", { id: 1, name: "wait", args: {} }, call), {
    code: "invalid_input",
  });
  await assert.rejects(door.ask("tools.open", { id: 1, name: "count", args: {} }, call), {
    code: "invalid_input",
  });
  assert.deepEqual(await door.ask("tools.open", { id: 2, name: "count", args: {} }, call), {
    items: [1],
    done: false,
  });
  const next = door.ask("tools.next", { id: 2 }, call);
  await assert.rejects(door.ask("tools.next", { id: 2 }, call), { code: "invalid_input" });
  gate.resolve(9);
  assert.equal(await first, 9);
  // The end may come in a batch of its own.
  const { items, done } = await next as { items: unknown[]; done: boolean };
  assert.deepEqual(items, [9]);
  const end = done ? await next : await door.ask("tools.next", { id: 2 }, call);
  assert.deepEqual(end, { items: done ? [9] : [], done: true, result: null });
});

Deno.test("an endless generator that never waits leaves the event loop to others", async () => {
  using door = doorTo(exposed("busy", function* (): Generator<unknown> {
    while (true) yield null;
  }));
  const endless = door.ask("tools.call", { id: 1, name: "busy", args: {} });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await assert.rejects(endless, { code: "result_too_large" });
  clearInterval(timer);
  assert.ok(turns > 0, "a timer ran meanwhile");
  // The generator may be between two turns.
  await nextTurn();
});

Deno.test("calls of tools that call tools end at limits.maxCallDepth", async () => {
  using door = doorTo(exposed("depth", (_args, { depth }) => depth));
  const at = (depth: number): Promise<unknown> =>
    door.ask("tools.call", { id: 1, name: "depth", args: {} }, callOf({ depth }));
  assert.equal(await at(3), 4);
  await assert.rejects(at(4), {
    code: "call_depth_exceeded",
    message: /limits\.maxCallDepth/,
    details: { tool: "depth", depth: 5, maxCallDepth: 4 },
  });
});

Deno.test("the log has the stack of an unexpected error, and nothing about an expected one", async () => {
  await using sink = new LogSink();
  using door = doorTo(
    exposed("fails", () => Promise.reject(new TypeError("no luck"))),
    exposed("refuses", () => Promise.reject(new SnakedenError("not_found", "nothing there"))),
  );
  for (const name of ["fails", "refuses"]) {
    await assert.rejects(door.ask("tools.call", { id: 1, name, args: {} }));
  }
  const text = await sink.text();
  assert.match(text, /the host tool fails failed: TypeError: no luck[^]*tool_methods_test\.ts/);
  assert.doesNotMatch(text, /refuses/);
});
