import assert from "node:assert/strict";
import { bytesText } from "../../../src/cli/terminal/mod.ts";

Deno.test("bytesText() has the unit that a number of bytes is read best in", () => {
  const given = [0, 999, 1_000, 1_549, 99_949, 99_950, 999_949, 999_950, 12e6, 1e9, 2e15];
  assert.deepEqual(given.map(bytesText), [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.5 kB",
    "99.9 kB",
    "100 kB",
    "1.0 MB",
    "1.0 MB",
    "12.0 MB",
    "1.0 GB",
    "2000 TB",
  ]);
});
