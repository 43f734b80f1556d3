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
