import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { pythonChoices } from "../../src/host/mod.ts";

Deno.test("pythonChoices() gives a pool its own python, and the one at the top to the others", () => {
  const config = parseConfig({
    python: { executable: "/top/python", requirements: ["/top.txt"] },
    pools: [
      { name: "top" },
      { name: "empty", python: {} },
      { name: "own", python: { executable: "python3.12" } },
      { name: "private", python: { requirements: ["/pool.txt"] } },
      { name: "bare", python: { requirements: [] } },
    ],
  });
  const top = { executable: "/top/python", requirements: ["/top.txt"] };
  assert.deepEqual(pythonChoices(config), [
    { pool: "top", ...top },
    { pool: "empty", ...top },
    { pool: "own", executable: "python3.12" },
    { pool: "private", requirements: ["/pool.txt"] },
    { pool: "bare", requirements: [] },
  ]);
});
