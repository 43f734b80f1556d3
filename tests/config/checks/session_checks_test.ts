import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";

function problemsOf(input: ConfigInput): Record<string, string> {
  try {
    parseConfig(input);
    return {};
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return Object.fromEntries(error.issues.map(({ path, message }) => [path, message]));
  }
}

Deno.test("parseConfig() refuses sessions.ttlMs above sessions.maxTtlMs, and names both", () => {
  assert.deepEqual(problemsOf({ sessions: { ttlMs: 5_001, maxTtlMs: 5_000 } }), {
    "sessions.ttlMs": "given 5001, which is more than sessions.maxTtlMs, 5000; allowed: at most " +
      "sessions.maxTtlMs",
  });
  assert.deepEqual(problemsOf({ sessions: { ttlMs: 31 * 86_400_000 } }), {
    "sessions.ttlMs": "given 2678400000, which is more than sessions.maxTtlMs, 2592000000 by " +
      "default; allowed: at most sessions.maxTtlMs",
  });
  assert.deepEqual(problemsOf({ sessions: { ttlMs: 5_000, maxTtlMs: 5_000 } }), {});
  // The default of ttlMs gives way.
  assert.deepEqual(problemsOf({ sessions: { maxTtlMs: 5_000 } }), {});
});

Deno.test("parseConfig() refuses times to live and limits that no session can have", () => {
  for (const ttlMs of [0, -1, 1e18, NaN, Infinity, 0.5, "5"]) {
    const message = problemsOf({ sessions: { ttlMs } } as ConfigInput)["sessions.ttlMs"] ?? "";
    assert.match(message, /^given .*; allowed: a whole number from 1 to 315360000000$/);
  }
  for (const [key, range] of [["maxVariables", "1 to 1000000"], ["maxVariableBytes", "1024 to"]]) {
    const message = problemsOf({ sessions: { [key as string]: 1e12 } })[`sessions.${key}`] ?? "";
    assert.ok(message.startsWith(`given 1000000000000; allowed: a whole number from ${range}`));
  }
});

Deno.test("parseConfig() refuses an unknown affinity of a pool, and names the allowed ones", () => {
  const pools = [{ name: "a", affinity: "strict" }] as unknown as ConfigInput["pools"] & object;
  assert.deepEqual(problemsOf({ pools }), {
    "pools[0].affinity": 'given "strict"; allowed: hint, strict_queue, strict_fail_fast',
  });
});
