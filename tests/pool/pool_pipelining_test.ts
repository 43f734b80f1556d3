import assert from "node:assert/strict";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks } from "../fixtures/until.ts";
import {
  finish,
  inside,
  RECALL_MS,
  RUN_MS,
  started,
  startPipelined,
  WINDOW,
} from "./pipelined_pool.ts";

Deno.test("Pool sends calls of a tool ahead only once its run time is known from a first answer", async () => {
  // A clock of its own: on a slow machine, the head would be overdue.
  await using it = await FakePool.start({}, { runMs: RUN_MS }, { clock: new FakeClock() });
  const first = it.submit("hold");
  it.submit("hold");
  await microtasks();
  const worker = it.workerRunning(first);
  assert.deepStrictEqual([worker.waiting.length, it.pool.queued], [0, 1]);
  worker.answer();
  it.submit("hold");
  await microtasks();
  assert.deepStrictEqual([worker.waiting.length, it.pool.queued], [1, 0]);
});

Deno.test("Pool sends ahead until the budget is spent, and one more with each answer", async () => {
  await using set = await startPipelined();
  const { it } = set;
  await set.hold("abcdefgh");
  const worker = set.worker(0);
  assert.equal(inside(worker), "abcde");
  assert.equal(it.pool.queued, 8 - WINDOW);
  assert.ok(it.calls[1]?.attempt?.hasBegun);
  assert.equal(it.pool.workers[0]?.state, "busy");
  worker.answer();
  await microtasks();
  assert.equal(inside(worker), "bcdef");
  await finish(set);
  assert.equal(started(set), "abcdefgh");
  assert.deepStrictEqual([worker.mostOpen, it.pool.workers[0]?.state], [WINDOW, "ready"]);
});

Deno.test("Pool sends nothing behind a tool that runs longer than the budget, but sends it behind short ones", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const slow = it.submit("deaf");
  await microtasks();
  set.worker(0).answer(null, 3);
  await slow.outcome;
  await set.hold("a");
  it.submit("deaf", { requestId: "s" });
  await set.hold("b");
  assert.deepStrictEqual([inside(set.worker(0)), it.pool.queued], ["as", 1]);
});

/** Longer than the budget, and short enough that one call is sent behind it. */
const NEXT_MS = 3;

Deno.test("Pool sends one call behind a short one that runs longer than the budget, and the next with each answer", async () => {
  await using set = await startPipelined({}, { runMs: NEXT_MS });
  const worker = set.worker(0);
  await set.hold("abcd");
  assert.deepStrictEqual([inside(worker), set.it.pool.queued], ["ab", 2]);
  worker.answer();
  await microtasks();
  assert.deepStrictEqual([inside(worker), set.it.pool.queued], ["bc", 1]);
  await finish(set);
  assert.deepStrictEqual([started(set), worker.mostOpen], ["abcd", 2]);
});

Deno.test("Pool sends no call behind one that takes longer than 5 ms", async () => {
  await using set = await startPipelined({}, { runMs: 6 });
  await set.hold("abc");
  assert.deepStrictEqual([inside(set.worker(0)), set.it.pool.queued], ["a", 2]);
});

Deno.test("Pool sends a call behind a longer one only if each other worker finds one in the queue", async () => {
  await using set = await startPipelined({ size: 2 }, { runMs: NEXT_MS });
  const [other, first] = [set.worker(0), set.worker(1)];
  await set.hold("abcde");
  assert.deepStrictEqual([inside(first), inside(other), set.it.pool.queued], ["a", "b", 3]);
  first.answer();
  await microtasks();
  // One call is left, which the other worker takes when it is done.
  assert.deepStrictEqual([inside(first), inside(other), set.it.pool.queued], ["cd", "b", 1]);
  other.answer();
  await microtasks();
  assert.deepStrictEqual([inside(first), inside(other), set.it.pool.queued], ["cd", "e", 0]);
  await set.hold("f");
  first.answer();
  await microtasks();
  assert.deepStrictEqual([inside(first), inside(other), set.it.pool.queued], ["d", "e", 1]);
});

Deno.test("Pool recalls the call behind a longer one that takes too long, and sends it again alone", async () => {
  await using set = await startPipelined({}, { runMs: NEXT_MS });
  const worker = set.worker(0);
  await set.hold("abc");
  set.clock.advance(RECALL_MS);
  await microtasks();
  assert.deepStrictEqual([inside(worker), worker.recalled.join("")], ["a", "b"]);
  assert.equal(set.it.pool.queued, 2);
  await finish(set);
  assert.equal(started(set), "abc");
});

Deno.test("Pool sends nothing behind a longer call with a budget of 0, or to a worker that notes no progress", async () => {
  for (const [pipelineBudgetMs, notesProgress] of [[0, true], [1, false]] as const) {
    await using set = await startPipelined({ pipelineBudgetMs }, { runMs: NEXT_MS, notesProgress });
    await set.hold("abc");
    set.worker(0).answer();
    await microtasks();
    assert.deepStrictEqual([inside(set.worker(0)), set.it.pool.queued], ["b", 1]);
  }
});

Deno.test("Pool sends nothing ahead with a budget of 0", async () => {
  await using set = await startPipelined({ pipelineBudgetMs: 0 }, { runMs: 0 });
  await set.hold("abc");
  assert.deepStrictEqual([inside(set.worker(0)), set.it.pool.queued], ["a", 2]);
  await finish(set);
  assert.equal(set.worker(0).mostOpen, 1);
});

Deno.test("Pool sends nothing ahead to a worker that does not note its progress", async () => {
  await using set = await startPipelined({}, { notesProgress: false });
  await set.hold("abc");
  assert.deepStrictEqual([inside(set.worker(0)), set.it.pool.queued], ["a", 2]);
  await finish(set);
  assert.equal(set.worker(0).mostOpen, 1);
});

Deno.test("Pool prefers an idle worker, then the worker that will be done soonest", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const longer = it.submit("deaf");
  await microtasks();
  it.workerRunning(longer).answer(null, 3 * RUN_MS);
  await longer.outcome;
  const [first, second] = [it.submit("deaf", { requestId: "L" }), it.submit("hold")];
  await microtasks();
  const [long, short] = [it.workerRunning(first), it.workerRunning(second)];
  assert.notEqual(long, short);
  await set.hold("ab");
  assert.deepStrictEqual([inside(long), short.waiting.length], ["L", 2]);
  // Both are at three run times now, then at four, then at five, where the budget ends.
  await set.hold("cdef");
  assert.deepStrictEqual([long.waiting.length, short.waiting.length], [2, 4]);
  await set.hold("g");
  assert.equal(it.pool.queued, 1);
});

Deno.test("Pool with a full queue still accepts calls that can be sent ahead, and no others", async () => {
  await using set = await startPipelined({ queueLimit: 0 });
  await set.hold("abcde");
  assert.throws(() => set.it.submit("hold"), { code: "pool_saturated" });
  set.worker(0).answer();
  await set.hold("f");
  assert.equal(inside(set.worker(0)), "bcdef");
});

Deno.test("Pool recalls the calls behind one that takes long, and another worker runs them", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it, clock } = set;
  await set.hold("abcdef");
  // The second worker has been idle longer, and the first one comes first when both have as much to
  // do.
  const [other, stuck] = [set.worker(0), set.worker(1)];
  assert.deepStrictEqual([inside(stuck), inside(other)], ["adf", "bce"]);
  for (const _ of "bce") other.answer();
  clock.advance(RECALL_MS);
  await microtasks();
  assert.deepStrictEqual([inside(stuck), stuck.recalled.join("")], ["a", "df"]);
  assert.equal(inside(other), "df");
  await finish(set);
  const ends = await Promise.all(it.calls.slice(1).map(endOf));
  assert.deepStrictEqual(ends, ["ok p-2", ...Array.from("bcdef", () => "ok p-1")]);
  assert.equal(started(set), "bcedfa");
});

Deno.test("Pool sends nothing to a worker whose call takes long, and sends again when that call is answered", async () => {
  await using set = await startPipelined();
  const { it, clock } = set;
  await set.hold("a");
  clock.advance(RECALL_MS);
  await set.hold("bc");
  assert.deepStrictEqual([inside(set.worker(0)), it.pool.queued], ["a", 2]);
  set.worker(0).answer();
  await microtasks();
  assert.deepStrictEqual([inside(set.worker(0)), it.pool.queued], ["bc", 0]);
});

Deno.test("Pool recalls nothing if the host itself was late", async () => {
  await using set = await startPipelined();
  await set.hold("abc");
  // The first look comes before the answer is read, as after a pause of the host.
  set.clock.advance(12);
  set.worker(0).answer();
  set.clock.advance(3);
  await microtasks();
  assert.ok(!set.worker(0).carrier.kinds.includes("recall"));
  assert.equal(inside(set.worker(0)), "bc");
});

Deno.test("Pool puts recalled calls back to their old places, within their priorities", async () => {
  await using set = await startPipelined();
  const { it, clock } = set;
  await set.hold("abc");
  await set.hold("d", { priority: -1 });
  clock.advance(10);
  await set.hold("e");
  await set.hold("f", { priority: 1 });
  clock.advance(RECALL_MS);
  await microtasks();
  assert.deepStrictEqual([inside(set.worker(0)), it.pool.queued], ["a", 5]);
  await finish(set);
  assert.equal(started(set), "afbced");
});

Deno.test("Pool counts the time until a call is sent for the last time as time in the queue", async () => {
  await using set = await startPipelined();
  const [, b] = await set.hold("ab");
  set.clock.advance(RECALL_MS);
  await microtasks();
  assert.equal(b?.state, "queued");
  set.worker(0).answer();
  await microtasks();
  set.clock.advance(5);
  set.worker(0).answer();
  const outcome = await b?.outcome;
  assert.deepStrictEqual([outcome?.queueMs, outcome?.durationMs], [RECALL_MS, RECALL_MS + 5]);
});

Deno.test("Pool queues calls that came back even beyond its queueLimit", async () => {
  await using set = await startPipelined({ queueLimit: 0 });
  await set.hold("abc");
  set.clock.advance(RECALL_MS);
  await microtasks();
  assert.equal(set.it.pool.queued, 2);
  assert.throws(() => set.it.submit("hold"), { code: "pool_saturated" });
  await finish(set);
  assert.equal(started(set), "abc");
});

Deno.test("Pool drops a call that is given back after its caller left", async () => {
  await using set = await startPipelined({}, { ignoresRecall: true });
  const { it } = set;
  const leaving = new AbortController();
  await set.hold("a");
  const [b] = await set.hold("b", { signal: leaving.signal });
  await set.hold("c");
  assert.ok(b);
  set.clock.advance(RECALL_MS);
  await microtasks();
  leaving.abort(new Error("left"));
  // The recall crosses the cancel.
  set.worker(0).giveBack();
  assert.deepStrictEqual([b.state, await endOf(b)], ["settled", "Error: left"]);
  await finish(set);
  assert.equal(started(set), "ac");
  assert.deepStrictEqual([it.pool.queued, it.pool.workers[0]?.state], [0, "ready"]);
  assert.equal(it.pool.stats.cancelled, 1);
});

Deno.test("Pool: a caller that leaves while its call waits in a worker does not delay the others", async () => {
  await using set = await startPipelined();
  const leaving = new AbortController();
  await set.hold("a");
  const [b] = await set.hold("b", { signal: leaving.signal });
  await set.hold("c");
  leaving.abort(new Error("left"));
  await microtasks();
  assert.equal(b?.state, "settled");
  await finish(set);
  assert.equal(started(set), "ac");
  assert.equal(set.it.pool.stats.restarts, 0);
});

Deno.test("Pool drops a call that is given back after its deadline", async () => {
  await using set = await startPipelined({}, { ignoresRecall: true });
  const { it, clock } = set;
  await set.hold("a");
  const [b] = await set.hold("b", { timeoutMs: 50 });
  await set.hold("c");
  clock.advance(60);
  assert.equal(b?.state, "running");
  set.worker(0).giveBack();
  await assert.rejects(b.outcome, { code: "deadline_exceeded", stage: "queue" });
  assert.deepStrictEqual([b.state, it.pool.queued], ["settled", 1]);
  await finish(set);
  assert.equal(started(set), "ac");
});

Deno.test("Pool: a call that waits in a worker is killed for ignoring a cancel only once it runs", async () => {
  await using set = await startPipelined({ cancelGraceMs: 50 }, { ignoresRecall: true });
  const { it, clock } = set;
  const known = it.submit("deaf", { requestId: "known" });
  await microtasks();
  set.worker(0).answer();
  await known.outcome;
  await set.hold("a");
  const leaving = new AbortController();
  const deaf = it.submit("deaf", { requestId: "d", signal: leaving.signal });
  await microtasks();
  leaving.abort(new Error("left"));
  await microtasks();
  clock.advance(500);
  await microtasks();
  assert.deepStrictEqual([deaf.state, set.worker(0).signals], ["settled", []]);
  set.worker(0).answer();
  clock.advance(45);
  assert.deepStrictEqual([inside(set.worker(0)), set.worker(0).signals], ["d", []]);
  clock.advance(10);
  assert.deepStrictEqual(set.worker(0).signals, ["SIGKILL"]);
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.pool.stats.crashed, 0);
});
