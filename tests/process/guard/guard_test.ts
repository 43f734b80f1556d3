import assert from "node:assert/strict";
import { startGuard } from "../../fixtures/processes/guarded.ts";

Deno.test("Guard.launch() runs a program with these arguments, environment and folder", async () => {
  await using at = await startGuard();
  const it = await at.shell('printf "%s|" "$0" "$A" "$(pwd)"; echo err >&2; exit 3', {
    env: { A: "1\n2" },
  });
  const end = await it.process.ended;
  assert.deepEqual(end.exit, { code: 3 });
  assert.equal(end.cause, "exited");
  assert.equal(end.leftKilled, 0);
  assert.equal(it.stdout(), `sh|1\n2|${at.folder}|`);
  assert.equal(it.stderr(), "err\n");
});

Deno.test("GuardedProcess.stop() ends descendants in sessions of their own that ignore SIGTERM", async () => {
  await using at = await startGuard();
  const it = await at.shell(
    `trap "" TERM
     setsid sh -c 'trap "" TERM; echo one $$; sleep 1000 & wait; sleep 1000' &
     (env -i setsid sh -c 'trap "" TERM; echo two $$; sleep 1000; sleep 1000' &)
     sleep 1000; sleep 1000; sleep 1000`,
  );
  const pids = await it.pids(["one", "two"]);
  it.process.stop(50);
  const end = await it.process.ended;
  assert.equal(end.cause, "stopped");
  assert.deepEqual(end.exit, { signal: "SIGKILL" });
  assert.deepEqual(await at.alive([it.process.pid, ...pids]), []);
});
