import assert from "node:assert/strict";
import { CrashLog } from "../../../src/pool/crashes/crash_log.ts";

Deno.test("CrashLog counts crashes by kind within a sliding window, and all of them in total", () => {
  const log = new CrashLog(100);
  log.note("segfault", 0);
  log.note("exit", 50);
  log.note("exit", 60);
  assert.deepStrictEqual(log.recent(99), { segfault: 1, exit: 2 });
  assert.deepStrictEqual(log.recent(100), { exit: 2 });
  assert.deepStrictEqual(log.recent(160), {});
  assert.equal(log.total, 3);
});

Deno.test("CrashLog keeps a bounded number of crashes", () => {
  const log = new CrashLog(1_000);
  for (let i = 0; i < 5_000; i++) log.note("killed", 0);
  assert.deepStrictEqual(log.recent(0), { killed: 4_096 });
  assert.equal(log.total, 5_000);
});
