import assert from "node:assert/strict";
import { isLoopback } from "../../src/config/mod.ts";

for (
  const host of ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
) {
  Deno.test(`isLoopback() accepts ${host}`, () => assert.ok(isLoopback(host)));
}

for (
  const host of [
    "",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "127.0.0.1.example.com",
    "127.0.0.999",
    "localhost.example.com",
    "notlocalhost",
    "127.1",
  ]
) {
  Deno.test(`isLoopback() refuses ${JSON.stringify(host)}`, () => assert.ok(!isLoopback(host)));
}
