import assert from "node:assert/strict";
import { InvalidInputError } from "../../src/errors.ts";
import { parseConfig } from "../../src/config/mod.ts";

/** Returns the problems of a pool, as `path: message`. */
function problemsOf(pool: Record<string, unknown>): readonly string[] {
  try {
    parseConfig({ pools: [{ name: "default", ...pool }] });
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
}

const FORKS = { launcher: "prefork", preload: ["numpy"] };

for (
  const { pool, says } of [
    {
      pool: { preload: ["numpy"] },
      says: [/^pools\[0\]\.preload: given a list of 1 with .*only with `launcher: "prefork"`/],
    },
    { pool: { ...FORKS, preload: ["not a module"] }, says: [/preload\[0\]: given "not a module"/] },
    { pool: { launcher: "vfork" }, says: [/launcher: given "vfork"; allowed: .*spawn.*prefork/] },
    { pool: { ...FORKS, wrap: ["bwrap"] }, says: [/launcher: given "prefork" together with wrap/] },
    {
      pool: { isolate: "call" },
      says: [/isolate: given "call" with the launcher "spawn"; allowed: only/],
    },
    {
      pool: { ...FORKS, isolate: "call", affinity: "strict_queue" },
      says: [/affinity: given "strict_queue" with `isolate: "call"`; allowed: "hint"/],
    },
    { pool: { ...FORKS, isolate: "call", affinity: "hint" }, says: [] },
    { pool: { ...FORKS, affinity: "strict_queue" }, says: [] },
    { pool: { wrap: ["bwrap"] }, says: [] },
  ]
) {
  Deno.test(`parseConfig() with ${JSON.stringify(pool)} finds ${says.length} problems of the launcher`, () => {
    const problems = problemsOf(pool);
    assert.equal(problems.length, says.length, problems.join("\n"));
    for (const [i, pattern] of says.entries()) assert.match(problems[i] ?? "", pattern);
  });
}
