/** Tests of limits, which hold for a program and all its descendants together. */
import assert from "node:assert/strict";
import { guardPython, startGuard, type TestGuard } from "../../fixtures/processes/guarded.ts";

const MIB = 1 << 20;

/** Runs a Python program in a child with a session of its own, whose parent waits. */
async function inChild(
  at: TestGuard,
  code: string,
  limits: object,
): ReturnType<TestGuard["launch"]> {
  return await at.launch([
    "/bin/sh",
    "-c",
    'setsid "$0" -I -S -c "$1" & echo child $!; wait; sleep 1000',
    await guardPython(),
    code,
  ], { limits });
}

Deno.test("GuardedLimits.memoryBytes counts all processes, and kills them all", async () => {
  await using at = await startGuard();
  const half = `import time; it = bytearray(b"x" * ${60 * MIB}); time.sleep(1000)`;
  const it = await inChild(at, `import os; os.fork(); ${half}`, { memoryBytes: 100 * MIB });
  const [child = 0] = await it.pids(["child"]);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["memory", { signal: "SIGKILL" }]);
  assert.ok(end.peakRssBytes > 100 * MIB, `${end.peakRssBytes} bytes`);
  assert.deepEqual(at.alive([it.process.pid, child]), []);
});

Deno.test("GuardedLimits.memoryBytes counts pages that forks share once", async () => {
  await using at = await startGuard();
  // Waits as long as a few looks at the memory take.
  const code = `
import os, time
it = bytearray(b"x" * ${60 * MIB})
for _ in range(4):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
for _ in range(4):
    os.wait()`;
  const it = await at.launch([await guardPython(), "-I", "-S", "-c", code], {
    limits: { memoryBytes: 150 * MIB },
  });
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 0 }]);
});

Deno.test("GuardedEnd.peakRssBytes is known below the limit, too", async () => {
  await using at = await startGuard();
  const it = await at.launch([
    await guardPython(),
    "-c",
    `it = bytearray(b"x" * ${80 * MIB})`,
  ], { limits: { memoryBytes: 400 * MIB } });
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 0 }]);
  assert.ok(end.peakRssBytes > 80 * MIB && end.peakRssBytes < 250 * MIB, `${end.peakRssBytes}`);
});

Deno.test("GuardedLimits.cpuMs counts all processes, also those that have ended", async () => {
  await using at = await startGuard();
  const busy = "import time\nwhile time.process_time() < 0.12: pass";
  // Each child alone stays below the limit.
  const code = `
import os
while True:
    if os.fork() == 0:
        ${busy.replaceAll("\n", "\n        ")}
        os._exit(0)
    os.wait()`;
  const it = await inChild(at, code, { cpuMs: 400 });
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["cpu", { signal: "SIGKILL" }]);
});

Deno.test("GuardedLimits.cpuMs leaves a program that waits alone", async () => {
  await using at = await startGuard();
  const it = await at.shell("sleep 0.6; exit 5", { limits: { cpuMs: 500 } });
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 5 }]);
});

Deno.test("GuardedLimits.processes ends a program that forks without end", async () => {
  await using at = await startGuard();
  const code = `
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(1000)
time.sleep(1000)`;
  const it = await at.launch([await guardPython(), "-I", "-S", "-c", code], {
    limits: { processes: 50 },
  });
  assert.equal((await it.process.ended).cause, "processes");
  assert.deepEqual(await at.marked(), []);
});

Deno.test("GuardedLimits.openFiles and fileBytes hold for each process", async () => {
  await using at = await startGuard();
  const files = `
import sys
try:
    kept = [open("/dev/null") for _ in range(10_000)]
except OSError as error:
    print(error.strerror)`;
  const it = await at.launch([await guardPython(), "-c", files], { limits: { openFiles: 64 } });
  await it.process.ended;
  assert.equal(it.stdout(), "Too many open files\n");
  const big = await at.shell("head -c 2000000 /dev/zero > big; ls -l big | cut -d' ' -f5", {
    limits: { fileBytes: 1_000_000 },
  });
  await big.process.ended;
  assert.match(big.stdout(), /^1000000$/m);
});
