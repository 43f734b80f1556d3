import assert from "node:assert/strict";
import { ForkedWorkers } from "../../../../src/pool/workers/launchers/template/forked_workers.ts";

Deno.test("ForkedWorkers takes a killed worker for ended that is gone, though nobody tells of its end", async () => {
  let stuck = 0;
  const workers = new ForkedWorkers(() => stuck++, { toldMs: 1 });
  const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
  const { pid } = child;
  const forked = workers.await(1);
  workers.take({ forked: { id: 1, pid } });
  const [a, b] = [new TransformStream(), new TransformStream()];
  const stream = ({ readable }: TransformStream): Deno.Conn =>
    ({ readable, close: () => {} }) as unknown as Deno.Conn;
  const leader = workers.leader(await forked, {
    stdout: stream(a),
    stderr: stream(b),
    guard: { [Symbol.dispose]: () => {} },
  });
  child.kill("SIGKILL");
  await child.status;
  leader.onKilled?.();
  assert.deepEqual(await leader.exit, { exitCode: null, signal: null });
  assert.equal(stuck, 1);
  // What comes late is of no worker that lives.
  assert.equal(workers.take({ ended: { id: 0, pid, exit: { signal: "SIGKILL" } } }), undefined);
});
