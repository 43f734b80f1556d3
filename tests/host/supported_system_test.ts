import assert from "node:assert/strict";
import { assertSupportedSystem } from "../../src/host/mod.ts";

Deno.test("assertSupportedSystem() refuses Windows with the way out, and no other system", () => {
  assert.throws(() => assertSupportedSystem("windows"), {
    code: "startup_failed",
    message: /Cannot start on Windows: .* run it in the Windows Subsystem for Linux \(WSL 2\)/,
  });
  assertSupportedSystem("linux");
  assertSupportedSystem("darwin");
  assertSupportedSystem();
});
