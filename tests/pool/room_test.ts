import assert from "node:assert/strict";
import type { CallWork } from "../../src/pool/mod.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";
import { finish, inside, RECALL_MS, startPipelined } from "./pipelined_pool.ts";

Deno.test("Pool.room counts idle workers while no call waits, and reports each that becomes idle", async () => {
  await using it = await FakePool.start({ size: 2 });
  const { room } = it.pool;
  let heard = 0;
  room.onIdle = () => heard++;
  assert.equal(room.idle, 2);
  const held = [it.submit("hold"), it.submit("hold"), it.submit("hold")];
  await microtasks();
  assert.equal(room.idle, 0);
  const [first, second, third] = held;
  assert.ok(first && second && third);
  it.workerRunning(first).answer();
  await endOf(first);
  await until(() => third.state === "running", "the third call has its worker");
  assert.deepEqual([room.idle, heard], [0, 0], "the worker took the next call");
  it.workerRunning(second).answer();
  await endOf(second);
  assert.deepEqual([room.idle, heard], [1, 1]);
  it.workerRunning(third).answer();
  await endOf(third);
  assert.deepEqual([room.idle, heard], [2, 2]);
});

Deno.test("Call tells of each worker that it is sent to, and when the work there is over", async () => {
  await using it = await FakePool.start();
  const leaving = new AbortController();
  const works: CallWork[] = [];
  let overs = 0;
  const call = it.submit("deaf", {
    signal: leaving.signal,
    onSent: (work) => {
      works.push(work);
      work.onOver = () => overs++;
    },
  });
  await microtasks();
  const [work] = works;
  assert.deepEqual([works.length, work?.workerId, work?.isOver], [1, "p-1", false]);
  const worker = it.workerRunning(call);
  leaving.abort("left");
  assert.equal(await endOf(call), "left");
  assert.deepEqual([work?.isOver, overs], [false, 0], "the caller was answered, the work goes on");
  worker.answer();
  await until(() => work?.isOver === true, "the worker has answered");
  assert.equal(overs, 1);
});

Deno.test("Call tells that its work was skipped if the worker gave it back", async () => {
  await using set = await startPipelined();
  const works: CallWork[] = [];
  await set.hold("a");
  await set.hold("b", { onSent: (work) => void works.push(work) });
  assert.deepEqual([inside(set.worker(0)), works[0]?.isOver], ["ab", false]);
  set.clock.advance(RECALL_MS);
  await until(() => works[0]?.isOver === true, "the worker gave it back");
  await finish(set);
  assert.deepEqual(works.map(({ wasSkipped }) => wasSkipped), [true, false]);
});
