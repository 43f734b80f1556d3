/** Tests host tools that throw and return what no caller can be sent, and asks that come late. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { HostRuns, HostTools, toolMethods } from "../../../src/tools/mod.ts";
import { Value } from "../../../src/bridge/mod.ts";
import { callOf, doorTo, exposed, LIMITS } from "./asking_call.ts";

/** Makes an error with a property that cannot be read. */
function unreadable(property: "stack" | "message"): Error {
  const get = (): never => {
    throw new TypeError("not to be read");
  };
  return Object.defineProperty(new Error("boom"), property, { get });
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = {};
  return Object.assign(value, { a: value, b: [value, value] });
}

const NO_TEXT = "an error without a readable text";
const PROXY = new Proxy({}, {
  getPrototypeOf(): never {
    throw new TypeError("not to be read");
  },
});

/** Everything that code can throw, with the text that its caller gets. */
const THROWN: readonly (readonly [unknown, string])[] = [
  [null, "null"],
  [undefined, "undefined"],
  ["a text", "a text"],
  [Symbol("s"), "Symbol(s)"],
  [Object.freeze(new Error("frozen")), "frozen"],
  [Object.create(null), NO_TEXT],
  [{ toString: (): never => assert.fail() }, NO_TEXT],
  [unreadable("message"), NO_TEXT],
  [unreadable("stack"), "boom"],
  [PROXY, NO_TEXT],
];

Deno.test("whatever a host tool throws reaches its caller as host_tool_failed, and ends the call", async () => {
  for (const [thrown, text] of THROWN) {
    const expected = { code: "host_tool_failed", message: `The host tool "t" failed: ${text}` };
    const runs = [
      (): never => {
        throw thrown;
      },
      () => Promise.reject(thrown),
      // deno-lint-ignore require-yield
      async function* (): AsyncGenerator<never> {
        await Promise.resolve();
        throw thrown;
      },
    ];
    for (const run of runs) {
      using door = doorTo(exposed("t", run));
      await assert.rejects(door.ask("tools.call", { id: 1, name: "t" }), expected);
      if (run === runs[2]) {
        await assert.rejects(door.ask("tools.open", { id: 1, name: "t" }), expected);
      }
      assert.equal(door.runs.running, 0, text);
    }
  }
});

Deno.test("whatever a host tool returns that cannot be sent is host_tool_failed, and ends the call", async () => {
  const values: readonly (() => unknown)[] = [
    () => () => 1,
    () => Symbol("s"),
    () => /a/,
    () => new WeakMap(),
    () => nested(100),
    () => nested(100_000),
    () => ({
      get a(): never {
        throw new TypeError("not to be read");
      },
    }),
    () => ({
      toJSON(): never {
        throw new TypeError("not to be read");
      },
    }),
    () => PROXY,
  ];
  for (const make of values) {
    let closed = 0;
    using door = doorTo(
      exposed("t", make),
      exposed("stream", function* (): Generator<unknown> {
        try {
          yield make();
          yield 2;
        } finally {
          closed++;
        }
      }),
    );
    const expected = { code: "host_tool_failed" };
    await assert.rejects(door.ask("tools.call", { id: 1, name: "t" }), expected, make.toString());
    await assert.rejects(door.ask("tools.call", { id: 2, name: "stream" }), expected);
    await assert.rejects(door.ask("tools.open", { id: 3, name: "stream" }), expected);
    assert.deepEqual([door.runs.running, closed], [0, 2], make.toString());
  }
  using door = doorTo(exposed("t", cyclic));
  await assert.rejects(door.ask("tools.call", { id: 1, name: "t" }), { code: "result_too_large" });
});

Deno.test("thenables count as promises: the first outcome counts, and one that hangs ends by its timeout", async () => {
  type Settle = (value: unknown) => void;
  const thenable = (then: (resolve: Settle, reject: Settle) => void): unknown => ({ then });
  using door = doorTo(
    exposed("twice", () =>
      thenable((resolve, reject) => {
        resolve(1);
        reject(new Error("late"));
        resolve(2);
      })),
    exposed("rejects", () =>
      thenable((_resolve, reject) => {
        reject(new Error("no"));
        reject(new Error("no again"));
      })),
    exposed("hangs", () => thenable(() => {}), { timeoutMs: 20 }),
  );
  assert.equal(await door.ask("tools.call", { id: 1, name: "twice" }), 1);
  await assert.rejects(door.ask("tools.call", { id: 2, name: "rejects" }), /failed: no$/);
  await assert.rejects(door.ask("tools.call", { id: 3, name: "hangs" }), {
    code: "deadline_exceeded",
  });
  assert.equal(door.runs.running, 0);
});

Deno.test("a generator whose finally hangs or throws holds up nobody", async () => {
  for (const last of [() => new Promise<never>(() => {}), () => Promise.reject(new Error("no"))]) {
    using door = doorTo(
      exposed("t", async function* (): AsyncGenerator<unknown> {
        try {
          yield 1;
          yield 2;
          await new Promise(() => {});
        } finally {
          await last();
        }
      }),
    );
    const call = callOf();
    await door.ask("tools.open", { id: 1, name: "t" }, call);
    assert.equal(await door.ask("tools.cancel", { id: 1 }, call), null);
    assert.equal(door.runs.running, 0);
    await assert.rejects(door.ask("tools.next", { id: 1 }, call), { code: "stream_gone" });
  }
});

Deno.test("a call that was told to stop, or is late, starts no host tool", async () => {
  let started = 0;
  using door = doorTo(
    exposed("t", () => ++started),
    exposed("stream", function* (): Generator<unknown> {
      yield ++started;
    }),
  );
  const stopped = AbortSignal.abort(new SnakedenError("cancelled", "The call was told to stop"));
  for (const [method, name] of [["tools.call", "t"], ["tools.open", "stream"]] as const) {
    const ask = { id: 1, name };
    await assert.rejects(door.ask(method, ask, callOf({ signal: stopped })), {
      code: "cancelled",
      message: "The call was told to stop",
    });
    await assert.rejects(door.ask(method, ask, callOf({ remainingMs: 0 })), {
      code: "deadline_exceeded",
    });
  }
  assert.deepEqual([started, door.runs.running], [0, 0]);
});

Deno.test("tools.cancel, or the end of the call, stops a host tool that waits for its session to be looked up", async () => {
  let lookUp = Promise.withResolvers<boolean>();
  const tools = new HostTools({ pools: () => ["default"], isOpen: () => lookUp.promise });
  let started = 0;
  tools.register([
    exposed("t", () => ++started),
    exposed("stream", function* (): Generator<unknown> {
      yield ++started;
    }),
  ], { sessionId: "s1" });
  lookUp.resolve(true);
  const calls = (): never => assert.fail("no tool here calls others");
  using runs = new HostRuns({ limits: LIMITS, calls });
  const methods = toolMethods({ tools, runs });
  for (const [method, name] of [["tools.call", "t"], ["tools.open", "stream"]] as const) {
    for (const how of ["tools.cancel", "end"] as const) {
      lookUp = Promise.withResolvers();
      const caller = new AbortController();
      const call = callOf({ sessionId: "s1", signal: caller.signal });
      const asked = methods[method]?.(call, Value.from({ id: 1, name }));
      assert.throws(() => methods[method]?.(call, Value.from({ id: 1, name })), {
        code: "invalid_input",
      });
      if (how === "tools.cancel") methods["tools.cancel"]?.(call, Value.from({ id: 1 }));
      else caller.abort(new SnakedenError("cancelled", "The call was told to stop"));
      lookUp.resolve(true);
      await assert.rejects(Promise.resolve(asked), { code: "cancelled" });
    }
  }
  assert.deepEqual([started, runs.running], [0, 0]);
});

Deno.test("chunks within limits.maxResultBytes travel together, also if all of them have more", async () => {
  const sizes = [200_000, 900_000, 5, 900_000];
  using door = doorTo(exposed("t", function* (): Generator<string> {
    for (const size of sizes) yield "x".repeat(size);
  }));
  const call = callOf();
  const seen: number[] = [];
  let batch = await door.ask("tools.open", { id: 1, name: "t" }, call) as Answer;
  while (true) {
    seen.push(...batch.items.map(({ length }) => length));
    if (batch.done) break;
    batch = await door.ask("tools.next", { id: 1 }, call) as Answer;
  }
  assert.deepEqual(seen, sizes);
  await assert.rejects(door.ask("tools.call", { id: 2, name: "t" }), { code: "result_too_large" });
});

Deno.test("a text of a host tool counts with the bytes that it has when it is sent", async () => {
  for (const text of ["漢", "\u0001"]) {
    using door = doorTo(exposed("t", () => text.repeat(LIMITS.maxResultBytes - 10)));
    await assert.rejects(door.ask("tools.call", { id: 1, name: "t" }), {
      code: "result_too_large",
    });
    assert.equal(door.runs.running, 0);
  }
});

interface Answer {
  readonly items: readonly string[];
  readonly done: boolean;
}
