import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../fixtures/host.ts";

/** Bundles a module as a program of Node or a page would: `deno bundle` for browsers. */
export async function bundle(entry: string, out: string, flags: string[] = []): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--frozen",
      "--platform=browser",
      ...flags,
      `--output=${out}`,
      entry,
    ],
    cwd: ROOT,
    stdout: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Bundles the client and the suite into a folder, as `client.js` and `suite.js`. */
export async function bundleSuite(folder: string): Promise<void> {
  await bundle("src/client/mod.ts", join(folder, "client.js"));
  await bundle("tests/client/suite/suite.ts", join(folder, "suite.js"));
}

/** Fails with the names and errors of the cases that do not hold. */
export function assertHeld(results: readonly { name: string; error?: string }[], of: number): void {
  const failed = results.filter((it) => it.error !== undefined);
  assert.deepEqual(failed.map(({ name, error }) => `${name}: ${error}`), []);
  assert.equal(results.length, of);
}
