import assert from "node:assert/strict";
import { isRunning, killGroup, signalGroup, stillRuns } from "../../src/process/process_group.ts";

function sleeper(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["60"], detached: true, stdin: "null" }).spawn();
}

Deno.test("isRunning() and stillRuns() return true for a process, and false for a zombie or a missing process", async () => {
  const child = sleeper();
  assert.ok(isRunning(Deno.pid));
  assert.ok(isRunning(child.pid));
  assert.ok(await stillRuns(child.pid));
  killGroup(child.pid);
  await child.status;
  for (const pid of [child.pid, 2 ** 22 + 1]) {
    assert.ok(!isRunning(pid));
    assert.ok(!await stillRuns(pid));
  }
});

Deno.test("signalGroup() returns false if nothing is left of the group", async () => {
  const child = sleeper();
  assert.ok(signalGroup(child.pid, "SIGTERM"));
  assert.equal((await child.status).signal, "SIGTERM");
  assert.equal(signalGroup(child.pid, "SIGTERM"), false);
  killGroup(child.pid);
});

Deno.test("signalGroup() refuses the numbers that mean this process, or all there are", () => {
  for (const pid of [0, 1, -1, NaN]) assert.throws(() => signalGroup(pid, "SIGCONT"), RangeError);
});
