import assert from "node:assert/strict";
import { Value } from "../../src/bridge/mod.ts";
import {
  type Args,
  type CallOptions,
  checkCallOptions,
  encodeArgs,
} from "../../src/calls/call_options.ts";
import { InvalidInputError } from "../../src/errors.ts";

/** The options with which the host encodes arguments. */
const WRITING = { maxDepth: 200, name: "args" };

/** Returns the fields that are refused. */
function problems(options: Record<string, unknown>): string[] {
  try {
    checkCallOptions(options as CallOptions);
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    assert.equal(error.code, "invalid_input");
    for (const { path } of error.issues) assert.ok(error.message.includes(path), error.message);
    return error.issues.map((it) => it.path);
  }
}

Deno.test("checkCallOptions() accepts values up to the limits", () => {
  const good: CallOptions[] = [
    {},
    { pool: "default", signal: new AbortController().signal },
    { timeoutMs: 0.001 },
    { timeoutMs: 86_400_000 },
    { priority: -10 },
    { priority: 10 },
    { sessionId: "s", requestId: "r".repeat(128) },
    { sessionId: "s", affinity: "strict_queue", rebind: true },
    { affinity: "hint", rebind: false },
  ];
  for (const options of good) checkCallOptions(options);
});

Deno.test("checkCallOptions() refuses unknown options by name, and suggests similar ones", () => {
  assert.deepStrictEqual(problems({ timeout: 5, timeoutMs: 5, prio: 1 }), ["timeout", "prio"]);
  assert.throws(() => checkCallOptions({ timeout: 5 } as CallOptions), {
    code: "invalid_input",
    message:
      'Cannot make the call: timeout: there is no such option; did you mean "timeoutMs" or "stallTimeoutMs"?',
  });
});

Deno.test("checkCallOptions() names unknown, wrong and lone options at once", () => {
  const options = { timeout: 5, timeoutMs: -1, affinity: "x", rebind: true };
  assert.deepStrictEqual(problems(options), ["timeout", "timeoutMs", "affinity", "rebind"]);
  assert.deepStrictEqual(problems({ prio: 1, affinity: "strict_queue" }), ["prio", "affinity"]);
  assert.deepStrictEqual(problems({ ...options, sessionId: "s" }), [
    "timeout",
    "timeoutMs",
    "affinity",
  ]);
});

Deno.test("checkCallOptions() refuses an invalid deadline", () => {
  for (const timeoutMs of [0, -1, NaN, Infinity, 1e309, 86_400_001, "50", null, {}]) {
    assert.deepStrictEqual(problems({ timeoutMs }), ["timeoutMs"], String(timeoutMs));
  }
});

Deno.test("checkCallOptions() refuses an idempotent that is not a boolean", () => {
  for (const idempotent of ["true", 1, null]) {
    assert.deepStrictEqual(problems({ idempotent }), ["idempotent"], String(idempotent));
  }
  checkCallOptions({ idempotent: false });
});

Deno.test("checkCallOptions() refuses what means nothing without a session", () => {
  for (const affinity of ["strict_queue", "strict_fail_fast"]) {
    assert.deepStrictEqual(problems({ affinity }), ["affinity"]);
    assert.deepStrictEqual(problems({ affinity, rebind: true }), ["affinity", "rebind"]);
  }
  assert.throws(() => checkCallOptions({ affinity: "hint", rebind: true }), {
    message: "Cannot make the call: rebind: given true without a sessionId; " +
      "allowed: with a sessionId only",
  });
});

Deno.test("checkCallOptions() refuses an invalid priority", () => {
  for (const priority of [-11, 11, 0.5, NaN, "1", null]) {
    assert.deepStrictEqual(problems({ priority }), ["priority"], String(priority));
  }
});

Deno.test("checkCallOptions() refuses ids that are empty, too long or not text", () => {
  for (const id of ["", "x".repeat(129), 5, null]) {
    assert.deepStrictEqual(problems({ sessionId: id, requestId: id }), ["sessionId", "requestId"]);
  }
});

Deno.test("checkCallOptions() takes no id that a session cannot have", () => {
  for (const sessionId of ["x".repeat(10_240), "a/b", "a%2Fb", "a b", "a\n", "\0", "ü"]) {
    assert.deepStrictEqual(problems({ sessionId, requestId: "a b" }), ["sessionId"]);
  }
  checkCallOptions({ sessionId: `${"x".repeat(124)}._:-` });
});

Deno.test("checkCallOptions() names every field that is wrong, with what was given", () => {
  assert.throws(() => checkCallOptions({ timeoutMs: -5, priority: 99, sessionId: "" }), {
    message:
      "Cannot make the call: timeoutMs: given -5; allowed: a number of milliseconds greater than 0 " +
      "and at most 86400000 (24 hours); " +
      "priority: given 99; allowed: a whole number from -10 to 10; " +
      'sessionId: given ""; allowed: 1 to 128 letters, digits or . _ : -',
  });
});

Deno.test("encodeArgs() encodes an object, and passes on a Value", () => {
  assert.deepStrictEqual(encodeArgs({ a: 1, b: 2n ** 70n }, WRITING).decode(), {
    a: 1,
    b: 2n ** 70n,
  });
  const value = Value.from({ a: 1 });
  assert.equal(encodeArgs(value, WRITING), value);
});

Deno.test("encodeArgs() refuses a value that is not an object, and says what it is", () => {
  const bad: [unknown, string][] = [
    [null, "null"],
    [[1], "an array"],
    ["text", '"text"'],
    [5, "5"],
    [() => 1, "a function"],
  ];
  for (const [args, name] of bad) {
    assert.throws(() => encodeArgs(args as Args, WRITING), (error) => {
      assert.ok(error instanceof InvalidInputError);
      assert.match(
        error.message,
        new RegExp(`args: given ${name}; allowed: an object of arguments by name$`),
      );
      assert.equal(error.issues[0]?.path, "args");
      return true;
    });
  }
});

Deno.test("encodeArgs() names the argument that cannot be sent", () => {
  assert.throws(() => encodeArgs({ rows: [{ run: () => 1 }] }, WRITING), {
    code: "invalid_value",
    message: /^Cannot send args\.rows\[0\]\.run: a function/,
  });
  assert.throws(
    () => encodeArgs({ a: [[]] }, { ...WRITING, maxDepth: 2 }),
    /nested deeper than 2 levels/,
  );
});
