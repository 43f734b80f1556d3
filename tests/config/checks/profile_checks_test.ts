import assert from "node:assert/strict";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { InvalidInputError } from "../../../src/errors.ts";

/** Returns the problems of a pool, by the path of the key. */
function problemsOf(pool: Record<string, unknown>): Record<string, string> {
  try {
    parseConfig({ pools: [{ name: "a", ...pool }] } as ConfigInput);
    return {};
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return Object.fromEntries(error.issues.map((it) => [it.path, it.message]));
  }
}

Deno.test("parseConfig() takes 1 to 256 threads a worker", () => {
  for (const threadsPerWorker of [1, 10, 256]) {
    assert.deepEqual(problemsOf({ profile: "thread", threadsPerWorker }), {});
  }
  for (const threadsPerWorker of [0, -1, 257, 10_000, 1.5, "4"]) {
    const given = JSON.stringify(threadsPerWorker);
    assert.deepEqual(problemsOf({ profile: "thread", threadsPerWorker }), {
      "pools[0].threadsPerWorker": `given ${given}; allowed: a whole number from 1 to 256`,
    });
  }
});

Deno.test("parseConfig() refuses threads with another profile, and names both fields", () => {
  for (const [profile, shown] of [[undefined, "process"], ["process", "process"]]) {
    const pool = { threadsPerWorker: 4, ...(profile === undefined ? {} : { profile }) };
    assert.deepEqual(problemsOf(pool), {
      "pools[0].threadsPerWorker":
        `given 4 with profile "${shown}"; allowed: only with profile: "thread"`,
    });
  }
});

Deno.test("parseConfig() refuses a limit of the CPU time of a call with threads", () => {
  const limits = { cpuSeconds: 5 };
  assert.deepEqual(problemsOf({ limits }), {});
  assert.deepEqual(problemsOf({ profile: "thread", limits }), {
    "pools[0].limits.cpuSeconds":
      'given 5 with profile "thread", whose workers run several calls ' +
      'in one process; allowed: only with profile: "process"',
  });
});

Deno.test("parseConfig() takes 1 to 10,000 calls a worker, and a limit for a blocked loop", () => {
  for (const concurrencyPerWorker of [1, 100, 10_000]) {
    assert.deepEqual(problemsOf({ profile: "async", concurrencyPerWorker, blockedLoopMs: 50 }), {});
  }
  for (const concurrencyPerWorker of [0, -1, 10_001, 1.5, "4"]) {
    const given = JSON.stringify(concurrencyPerWorker);
    assert.deepEqual(problemsOf({ profile: "async", concurrencyPerWorker }), {
      "pools[0].concurrencyPerWorker": `given ${given}; allowed: a whole number from 1 to 10000`,
    });
  }
  assert.deepEqual(problemsOf({ profile: "async", blockedLoopMs: 1 }), {
    "pools[0].blockedLoopMs": "given 1; allowed: a whole number from 10 to 60000",
  });
});

Deno.test("parseConfig() refuses the keys of an event loop with another profile", () => {
  assert.deepEqual(problemsOf({ concurrencyPerWorker: 4, profile: "thread", blockedLoopMs: 50 }), {
    "pools[0].concurrencyPerWorker":
      'given 4 with profile "thread"; allowed: only with profile: "async"',
    "pools[0].blockedLoopMs": 'given 50 with profile "thread"; allowed: only with profile: "async"',
  });
});
