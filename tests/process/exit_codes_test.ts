import assert from "node:assert/strict";
import { EXIT_CODES, signalExitCode } from "../../src/process/exit_codes.ts";

Deno.test("EXIT_CODES has the codes that docs/configuration.md lists", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
  const [, section = ""] = page.split("\n## The command line\n");
  const [table = ""] = section.split("\n## ");
  const listed = [...table.matchAll(/^\| (\d+) +\|/gm)].map(([, status]) => Number(status));
  assert.deepEqual(listed, Object.values(EXIT_CODES));
  assert.match(table, /^\| 128 \+ n \|/m);
});

Deno.test("signalExitCode() returns 128 plus the number of the signal", () => {
  assert.deepEqual([1, 2, 15].map(signalExitCode), [129, 130, 143]);
});
