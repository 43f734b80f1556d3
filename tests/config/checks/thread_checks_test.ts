import assert from "node:assert/strict";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { InvalidInputError } from "../../../src/errors.ts";

/** Returns the problem with `threadChecks` of a pool; undefined if there is none. */
function problemOf(pool: Readonly<Record<string, unknown>>): string | undefined {
  try {
    parseConfig({ pools: [{ name: "a", ...pool }] } as ConfigInput);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return error.issues.find(({ path }) => path === "pools[0].threadChecks")?.message;
  }
}

Deno.test("parseConfig() takes threadChecks with the profile thread alone, and three values of it", () => {
  assert.equal(
    problemOf({ threadChecks: "warn" }),
    'given "warn" with profile "process"; allowed: only with profile: "thread"',
  );
  assert.match(
    problemOf({ profile: "thread", threadChecks: true }) ?? "",
    /^given true; allowed: off, warn, error$/,
  );
  for (const threadChecks of ["off", "warn", "error"]) {
    assert.equal(problemOf({ profile: "thread", threadChecks }), undefined);
  }
});
