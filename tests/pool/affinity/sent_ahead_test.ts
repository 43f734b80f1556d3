import assert from "node:assert/strict";
import { endOf } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../../fixtures/until.ts";
import type { Call, CallRequest } from "../../../src/pool/mod.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";
import {
  finish,
  inside,
  type PipelinedPool,
  RECALL_MS,
  startPipelined,
} from "../pipelined_pool.ts";
import { errorOf, STRICT } from "./session_pool.ts";

/**
 * Sends calls of a session that has no worker behind a call of another session, while the other
 * worker is busy too.
 */
async function sendBehind(
  set: PipelinedPool,
  names: string,
  request: Partial<CallRequest> = STRICT,
): Promise<{
  readonly worker: FakeWorker;
  readonly running: Call;
  /** Options of further calls of the session that runs. */
  readonly its: Partial<CallRequest>;
  readonly other: FakeWorker;
  readonly behind: readonly Call[];
}> {
  const sessions = ["left", "right"].map((sessionId) => ({ ...STRICT, sessionId }));
  const held = await Promise.all(sessions.map((it, i) => set.hold("ax".charAt(i), it)));
  const [first, second] = held.flat().map((call, i) => ({
    running: call,
    worker: set.it.workerRunning(call),
    its: sessions[i] ?? {},
  }));
  assert.ok(first && second);
  const behind = await set.hold(names, request);
  const [busier, other] = first.worker.waiting.length > 0 ? [first, second] : [second, first];
  assert.equal(inside(busier.worker).slice(1), names);
  return { ...busier, other: other.worker, behind };
}

Deno.test("Affinity: strict calls are sent ahead to their worker, and come back to wait for it alone", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it, clock } = set;
  const [first] = await set.hold("a", STRICT);
  assert.ok(first);
  const worker = it.workerRunning(first);
  await set.hold("bcd", STRICT);
  assert.equal(inside(worker), "abcd");
  clock.advance(RECALL_MS);
  await until(() => inside(worker) === "a", "those behind it were recalled");
  assert.equal(it.pool.queued, 3);
  const [other] = await set.hold("x");
  assert.ok(other);
  assert.notEqual(it.workerRunning(other), worker, "the other worker is idle all the while");
  await finish(set);
  assert.equal(worker.started.join(""), "abcd");
});

Deno.test("Affinity: a session whose calls are recalled before one has begun is bound to no worker", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it, clock } = set;
  const { worker, other, behind: [b, c] } = await sendBehind(set, "bc");
  assert.ok(b && c);
  other.answer();
  await microtasks();
  clock.advance(RECALL_MS);
  await until(() => inside(worker).length === 1, "they were recalled");
  await microtasks();
  assert.deepEqual([b.state, c.state], ["running", "running"], "they do not wait for it");
  const now = it.workerRunning(b);
  assert.notEqual(now, worker);
  assert.equal(inside(now), "bc", "both are in the same worker");
  await finish(set);
});

Deno.test("Affinity: a session whose first calls had not begun when their worker died runs elsewhere", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const { worker, running, other, behind: [b, c] } = await sendBehind(set, "bc");
  assert.ok(b && c);
  other.answer();
  worker.exit({ signal: "SIGSEGV" });
  assert.equal(await endOf(running), "worker_crashed");
  await until(() => b.state === "running", "it runs elsewhere");
  assert.equal(it.workerRunning(b), other);
  await finish(set);
  assert.match(await endOf(b), /^ok/);
  assert.equal(await endOf(c), await endOf(b));
});

Deno.test("Affinity: calls sent ahead fail if the session has run in the worker that dies", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const [a] = await set.hold("a", STRICT);
  assert.ok(a);
  const worker = it.workerRunning(a);
  const [b, c] = await set.hold("bc", STRICT);
  assert.ok(b && c);
  worker.exit({ signal: "SIGSEGV" });
  assert.equal(await endOf(a), "worker_crashed");
  for (const call of [b, c]) {
    const error = await errorOf(() => call);
    assert.equal(error.code, "session_worker_unavailable");
    assert.equal(error.details.mayHaveRun, false);
  }
  await finish(set);
  assert.ok(it.launcher.alive.every((each) => each.started.every((id) => !"bc".includes(id))));
});

Deno.test("Affinity: a worker that is stopped gives back what it has not begun, and only sessions that ran there are lost", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const { worker, other, running: a, its, behind: [c, d] } = await sendBehind(set, "cd");
  other.answer();
  const [b] = await set.hold("b", its);
  assert.ok(b && c && d);
  assert.equal(inside(worker).slice(1), "cdb");
  const old = it.pool.workers.find(({ incarnation }) => incarnation === worker.incarnation);
  assert.ok(old);
  const stopped = it.pool.stopWorker(old);
  const error = await errorOf(() => b);
  assert.deepEqual(
    [error.code, error.details.workerEnd],
    ["session_worker_unavailable", "was replaced: it was asked to stop"],
  );
  const others = it.launcher.workers.filter((each) => each !== worker);
  await until(() => others.some((each) => inside(each) === "cd"), "the other session moved");
  await finish(set);
  await stopped;
  assert.deepEqual([await endOf(a), await endOf(c)].map((end) => end.slice(0, 2)), ["ok", "ok"]);
  assert.equal(await endOf(d), await endOf(c));
});

Deno.test("Affinity: a session that first runs in a worker that is being stopped is lost as soon as it has", async () => {
  await using set = await startPipelined({ size: 2 }, { ignoresRecall: true });
  const { it } = set;
  const { worker, its, behind: [b] } = await sendBehind(set, "b");
  const [z] = await set.hold("z", its);
  assert.ok(b && z);
  const old = it.pool.workers.find(({ incarnation }) => incarnation === worker.incarnation);
  assert.ok(old);
  const stopped = it.pool.stopWorker(old);
  await until(() => old.state === "stopping", "its successor has taken over");
  const [c] = await set.hold("c", STRICT);
  assert.ok(c);
  assert.equal(c.state, "queued", "it is not known yet whether b will run there");
  for (const expected of ["bz", "z"]) {
    worker.answer();
    await microtasks();
    assert.equal(inside(worker), expected);
  }
  assert.deepEqual([c.state, z.state], ["settled", "running"]);
  assert.equal(await endOf(c), "session_worker_unavailable");
  await finish(set);
  await stopped;
});

Deno.test("Affinity: a hint is not sent behind its session while another worker is idle, and is once none is", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const sessions = ["s", "t"].map((sessionId) => ({ sessionId }));
  // One after the other, so that both sessions begin on the worker that is preferred.
  for (const [i, session] of sessions.entries()) {
    await set.hold("pq".charAt(i), session);
    await finish(set);
  }
  const [running] = await set.hold("a", sessions[0]);
  assert.ok(running);
  const worker = it.workerRunning(running);
  const [other] = await set.hold("b", sessions[1]);
  assert.ok(other);
  assert.notEqual(it.workerRunning(other), worker);
  await set.hold("c", sessions[1]);
  await set.hold("d", sessions[1]);
  assert.deepEqual([inside(worker), inside(it.workerRunning(other))], ["acd", "b"]);
  await finish(set);
});

Deno.test("Affinity: a call that is cancelled before it has begun binds its session to no worker", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const leaving = new AbortController();
  const { worker, other } = await sendBehind(set, "bc", { ...STRICT, signal: leaving.signal });
  leaving.abort();
  await microtasks();
  assert.equal(inside(worker).length, 1);
  assert.equal(it.pool.sessions.workerOf("s"), undefined);
  other.answer();
  await microtasks();
  const [d] = await set.hold("d", STRICT);
  assert.ok(d);
  assert.equal(it.workerRunning(d), other, "it does not wait for a worker that ran nothing of it");
  worker.exit({ signal: "SIGSEGV" });
  await until(() => it.pool.crashes.total === 1, "it has died");
  await finish(set);
  assert.match(await endOf(d), /^ok/);
});

Deno.test("Affinity: calls that wait behind a call that is cancelled before it has begun go to an idle worker", async () => {
  await using set = await startPipelined({ size: 2 }, { runMs: 0.6 });
  const leaving = new AbortController();
  const { worker, other } = await sendBehind(set, "b", { ...STRICT, signal: leaving.signal });
  const [c, d] = await set.hold("cd", STRICT);
  assert.ok(c && d);
  other.answer();
  await microtasks();
  assert.deepEqual([c.state, other.running], ["queued", undefined], "it waits for the worker of b");
  leaving.abort();
  await microtasks();
  assert.deepEqual([inside(worker).length, inside(other)], [1, "cd"]);
  await finish(set);
});

Deno.test("Affinity: a lost session stays lost if the call that would start it again is cancelled before it has begun", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const [a] = await set.hold("a", STRICT);
  assert.ok(a);
  it.workerRunning(a).exit({ signal: "SIGSEGV" });
  assert.equal(await endOf(a), "worker_crashed");
  await until(() => it.pool.serving.length === 2, "it was replaced");
  const leaving = new AbortController();
  const rebind = { ...STRICT, rebind: true, signal: leaving.signal };
  await sendBehind(set, "b", rebind);
  leaving.abort();
  await microtasks();
  assert.equal((await errorOf(() => it.submit("hold", STRICT))).code, "session_worker_unavailable");
  await finish(set);
});

Deno.test("Affinity: a call that is cancelled after it has begun binds its session", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  const leaving = new AbortController();
  const [a] = await set.hold("a", { ...STRICT, signal: leaving.signal });
  assert.ok(a);
  const worker = it.workerRunning(a);
  leaving.abort();
  await microtasks();
  worker.exit({ signal: "SIGSEGV" });
  await until(() => it.pool.crashes.total === 1, "it has died");
  assert.equal((await errorOf(() => it.submit("hold", STRICT))).code, "session_worker_unavailable");
});
