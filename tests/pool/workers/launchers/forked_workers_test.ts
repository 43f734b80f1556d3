import assert from "node:assert/strict";
import type { GroupLeader } from "../../../../src/process/mod.ts";
import { ForkedWorkers } from "../../../../src/pool/workers/launchers/template/forked_workers.ts";

Deno.test("ForkedWorkers takes a killed worker for ended that is gone, though nobody tells of its end", async () => {
  let stuck = 0;
  const workers = new ForkedWorkers(() => stuck++, { toldMs: 1 });
  const { pid, leader } = await killed(workers);
  leader.onKilled?.();
  assert.deepEqual(await leader.exit, { exitCode: null, signal: null });
  assert.equal(stuck, 1);
  // What comes late is of no worker that lives.
  assert.equal(workers.take({ ended: { id: 0, pid, exit: { signal: "SIGKILL" } } }), undefined);
});

Deno.test("ForkedWorkers waits for the exit of a killed worker once more when its template is taken for stuck", async () => {
  const workers: ForkedWorkers = new ForkedWorkers(
    // As the reaper does once it has got the child of a template that was killed.
    () =>
      setTimeout(() => workers.take({ ended: { id: 0, pid, exit: { signal: "SIGABRT" } } }), 20),
    { toldMs: 1_000 },
  );
  const { pid, leader } = await killed(workers);
  leader.onKilled?.();
  assert.deepEqual(await leader.exit, { exitCode: null, signal: "SIGABRT" });
});

/** Returns a worker that was forked, and that has been killed. */
async function killed(
  workers: ForkedWorkers,
): Promise<{ readonly pid: number; readonly leader: GroupLeader }> {
  const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
  const { pid } = child;
  const forked = workers.await(1);
  workers.take({ forked: { id: 1, pid } });
  const stream = (): Deno.Conn => {
    const { readable } = new TransformStream();
    return { readable, close: () => {} } as unknown as Deno.Conn;
  };
  const leader = workers.leader(await forked, {
    stdout: stream(),
    stderr: stream(),
    guard: { [Symbol.dispose]: () => {} },
  });
  child.kill("SIGKILL");
  await child.status;
  return { pid, leader };
}
