import assert from "node:assert/strict";
import { InvalidInputError } from "../../src/errors.ts";
import { checkSpawnOptions, type SpawnOptions } from "../../src/spawn/spawn_options.ts";

function refusal(options: unknown): string {
  try {
    checkSpawnOptions(options as SpawnOptions);
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return error.message;
  }
  throw new Error("it was taken");
}

Deno.test("checkSpawnOptions() returns the configuration as JSON, unless it is a file", () => {
  assert.equal(checkSpawnOptions({}), "{}");
  assert.equal(checkSpawnOptions({ config: { port: 1 } }), '{"port":1}');
  assert.equal(checkSpawnOptions({ config: "snakeden.config.ts" }), undefined);
  assert.equal(checkSpawnOptions({ config: new URL("file:///a.json") }), undefined);
});

Deno.test("checkSpawnOptions() names every option that is wrong", () => {
  assert.equal(
    refusal({ prot: 1, port: 1.5, readyTimeoutMs: 0, stopTimeoutMs: "1" }),
    'Cannot start a host: prot: there is no such option; did you mean "port"?; ' +
      "readyTimeoutMs: given 0; allowed: a number over 0; " +
      "stopTimeoutMs: given 1; allowed: a number over 0; " +
      "port: given 1.5; allowed: a whole number from 0 to 65535",
  );
});

Deno.test("checkSpawnOptions() refuses what JSON would leave out of a configuration or change", () => {
  const pools = [{ name: "default", env: { A: 1n, B: Number.NaN, C: new Date() } }];
  const message = refusal({ config: { hostTools: [(): void => {}], pools, dataDir: undefined } });
  assert.match(message, /config\.hostTools\[0\]: given a function, which cannot be sent/);
  assert.match(message, /config\.pools\[0\]\.env\.A: given a bigint/);
  assert.match(message, /config\.pools\[0\]\.env\.B: given a number/);
  assert.match(message, /config\.pools\[0\]\.env\.C: given a Date/);
  assert.match(message, /write snakeden\.config\.ts and pass its path as config/);
  assert.doesNotMatch(message, /dataDir/);
});

Deno.test("checkSpawnOptions() refuses a configuration that no variable can hold", () => {
  const config = { dataDir: "é".repeat(70_000) };
  assert.match(
    refusal({ config }),
    /config: given 1400\d\d bytes as JSON; allowed: at most 130000/,
  );
});
