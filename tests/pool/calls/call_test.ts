import assert from "node:assert/strict";
import { Alarms } from "../../../src/async/alarms.ts";
import type { HostMessage } from "../../../src/bridge/gen/link.js";
import { Link, Value } from "../../../src/bridge/mod.ts";
import { DeadlineExceededError, SnakedenError } from "../../../src/errors.ts";
import { Attempt, type AttemptHost } from "../../../src/pool/calls/attempt.ts";
import { Call, type CallOwner } from "../../../src/pool/calls/call.ts";
import type { CallRequest } from "../../../src/pool/calls/call_request.ts";
import { NO_SERVICES } from "../../../src/pool/calls/host_methods.ts";
import { FakeCarrier } from "../../fixtures/fakes/fake_carrier.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { microtasks } from "../../fixtures/until.ts";

const TIMEOUT_MS = 1_000;
const GRACE_MS = 500;
/** Enough for the report of the worker, and for the slots of the alarms. */
const REPORT_MS = 110;

interface SetUp extends Disposable {
  readonly call: Call;
  /** The attempt that was sent last. */
  readonly attempt: Attempt;
  readonly clock: FakeClock;
  readonly carrier: FakeCarrier;
  /** The notifications that the pool and the worker received, in order. */
  readonly told: string[];
  /** Returns the outcome for the caller, as text. */
  readonly answer: () => Promise<string>;
  readonly leave: (reason?: unknown) => void;
  /** Alarms that are set. */
  readonly alarms: () => number;
  /** Sends the call to a worker that begins it at once, or queues it behind another call. */
  send(options?: { readonly begins: boolean }): Promise<void>;
  recall(): void;
  result(): void;
  failure(code: string): void;
}

function setUp(options: Partial<CallRequest> = {}): SetUp {
  const clock = new FakeClock();
  const deadlines = new Alarms(clock);
  const carrier = new FakeCarrier();
  const hello = {
    protocolVersion: 1,
    workerId: "w-1",
    token: "",
    pid: 1,
    pythonVersion: "",
    packageVersion: "",
    device: "",
  };
  const link = new Link(hello, carrier, { onLog: () => {}, onClosed: () => {} });
  const told: string[] = [];
  const owner: CallOwner = {
    name: "default",
    deadlines,
    services: NO_SERVICES,
    callPrefix: "c-",
    cancelGraceMs: GRACE_MS,
    settled: (_, error) =>
      told.push(`settled ${error instanceof SnakedenError ? error.code : error ?? "ok"}`),
    withdrawn: () => told.push("withdrawn"),
  };
  let begun = true;
  let attempt: Attempt | undefined;
  const host: AttemptHost = {
    id: "w-1",
    incarnation: "i1",
    link,
    alarms: deadlines,
    hasBegun: () => begun,
    bulkNoteOf: () => undefined,
    onAnswered: () => told.push("answered"),
    onPrinted: () => {},
    onGivenBack: () => {
      told.push("given back");
      call.requeue();
    },
    onOverdue: (_, graceMs) => told.push(`overdue after ${graceMs}`),
  };
  const leaving = new AbortController();
  const call = new Call({
    tool: "add",
    args: Value.from({ a: 1 }),
    timeoutMs: TIMEOUT_MS,
    priority: 0,
    signal: leaving.signal,
    ...options,
  }, { owner, sequence: 1, now: deadlines.now });
  const answer = call.outcome.then(
    (it) => `value ${it.value.jsonText()}`,
    (error) => error instanceof SnakedenError ? error.code : String(error),
  );
  const id = (): number => carrier.sent.findLast((it) => it.call)?.call?.id ?? 0;
  return {
    call,
    get attempt(): Attempt {
      assert.ok(attempt, "nothing was sent");
      return attempt;
    },
    clock,
    carrier,
    told,
    answer: () => answer,
    alarms: () => deadlines.size,
    leave: (reason = "the caller left") => leaving.abort(reason),
    async send({ begins } = { begins: true }): Promise<void> {
      begun = begins;
      attempt = new Attempt(call, host, deadlines.now);
      attempt.send();
      await microtasks();
    },
    recall: () => carrier.deliver({ recalled: { ids: [id()] } }),
    result: () => carrier.deliver({ result: { id: id(), value: Value.from(5).wire, runMs: 3 } }),
    failure: (code) => carrier.deliver({ failure: { id: id(), error: { code, message: code } } }),
    [Symbol.dispose]: () => deadlines[Symbol.dispose](),
  };
}

function last(carrier: FakeCarrier): HostMessage | undefined {
  return carrier.sent.at(-1);
}

Deno.test("Call: queued -> running -> settled with a result", async () => {
  using it = setUp({ sessionId: "s", requestId: "r" });
  assert.equal(it.call.state, "queued");
  it.clock.advance(40);
  await it.send();
  assert.equal(it.call.state, "running");
  const sent = last(it.carrier)?.call;
  assert.deepStrictEqual(
    [sent?.timeoutMs, sent?.sessionId, sent?.requestId, sent?.stream],
    [TIMEOUT_MS - 40, "s", "r", false],
  );
  it.clock.advance(60);
  it.result();
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  const { value, ...outcome } = await it.call.outcome;
  assert.equal(value.decode(), 5);
  assert.deepStrictEqual(outcome, {
    callId: "c-1",
    workerId: "w-1",
    durationMs: 100,
    queueMs: 40,
    runMs: 3,
  });
  assert.deepStrictEqual(it.told, ["settled ok", "answered"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call: running -> settled with a failure", async () => {
  using it = setUp();
  await it.send();
  it.failure("python_exception");
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.equal(await it.answer(), "python_exception");
  assert.deepStrictEqual(it.told, ["settled python_exception", "answered"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call sends its own id as the request id if the caller names none", async () => {
  using it = setUp();
  await it.send();
  assert.equal(last(it.carrier)?.call?.requestId, "c-1");
});

Deno.test("Call: queued -> settled when the caller leaves", async () => {
  using it = setUp();
  it.leave();
  assert.equal(it.call.state, "settled");
  assert.equal(await it.answer(), "the caller left");
  assert.deepStrictEqual(it.told, ["withdrawn", "settled the caller left"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call: queued -> settled when its deadline passes, and the error names the queue", async () => {
  using it = setUp();
  it.clock.advance(TIMEOUT_MS - 5);
  assert.equal(it.call.state, "queued");
  it.clock.advance(10);
  assert.equal(it.call.state, "settled");
  await assert.rejects(it.call.outcome, (error) => {
    assert.ok(error instanceof DeadlineExceededError);
    assert.equal(error.stage, "queue");
    assert.match(error.message, /no worker was free within its deadline of 1000 ms/);
    return true;
  });
  assert.deepStrictEqual(it.told, ["withdrawn", "settled deadline_exceeded"]);
});

Deno.test("Call: queued -> settled when the pool rejects it", async () => {
  using it = setUp();
  it.call.withdraw(new SnakedenError("shutting_down", "x"));
  assert.equal(it.call.state, "settled");
  assert.equal(await it.answer(), "shutting_down");
  it.leave();
  assert.deepStrictEqual(it.told, ["withdrawn", "settled shutting_down"]);
});

Deno.test("Attempt: running -> stopping when the caller leaves, -> ended when the worker obeys the cancel", async () => {
  using it = setUp();
  await it.send();
  it.leave();
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "stopping");
  assert.equal(await it.answer(), "the caller left");
  assert.equal(last(it.carrier)?.cancel?.id, it.carrier.sent[0]?.call?.id);
  it.failure("cancelled");
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.deepStrictEqual(it.told, ["settled the caller left", "answered"]);
  it.clock.advance(10_000);
  assert.deepStrictEqual(it.told, ["settled the caller left", "answered"]);
});

Deno.test("Attempt: stopping -> ended when the worker still sends a result, which is dropped", async () => {
  using it = setUp();
  await it.send();
  it.leave();
  it.result();
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.equal(await it.answer(), "the caller left");
  assert.deepStrictEqual(it.told, ["settled the caller left", "answered"]);
});

Deno.test("Attempt: running -> stopping -> overdue when the worker ignores the cancel", async () => {
  using it = setUp();
  await it.send();
  it.leave();
  it.clock.advance(GRACE_MS - 5);
  assert.deepStrictEqual(it.told, ["settled the caller left"]);
  it.clock.advance(10);
  assert.deepStrictEqual(it.told, ["settled the caller left", `overdue after ${GRACE_MS}`]);
  it.attempt.end();
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.equal(await it.answer(), "the caller left");
  it.clock.advance(10_000);
  assert.deepStrictEqual(it.told, ["settled the caller left", `overdue after ${GRACE_MS}`]);
});

Deno.test("Call: running -> settled when its deadline has passed and the worker has not reported it", async () => {
  using it = setUp();
  await it.send();
  it.clock.advance(TIMEOUT_MS + 90);
  assert.equal(it.call.state, "running", "the worker may report it first");
  it.clock.advance(REPORT_MS - 90);
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "stopping");
  assert.equal(it.told[0], "settled deadline_exceeded");
  await assert.rejects(it.call.outcome, (error) => {
    assert.ok(error instanceof DeadlineExceededError);
    assert.equal(error.stage, "tool");
    assert.match(error.message, /passed and it did not stop/);
    return true;
  });
  await microtasks();
  assert.ok(last(it.carrier)?.cancel);
  it.clock.advance(GRACE_MS + 5);
  assert.equal(it.told.at(-1), `overdue after ${GRACE_MS}`);
});

Deno.test("Call: running -> settled when the worker reports the deadline itself", async () => {
  using it = setUp();
  await it.send();
  it.clock.advance(TIMEOUT_MS + 20);
  it.failure("deadline_exceeded");
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  await assert.rejects(it.call.outcome, { code: "deadline_exceeded", stage: "tool" });
  assert.deepStrictEqual(it.told, ["settled deadline_exceeded", "answered"]);
});

Deno.test("Call: running -> settled when its worker has to stop", async () => {
  using it = setUp();
  it.call.interrupt("too early");
  assert.equal(it.call.state, "queued");
  await it.send();
  it.call.interrupt("its worker stops");
  it.call.interrupt("again");
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "stopping");
  await assert.rejects(it.call.outcome, {
    code: "shutting_down",
    message: "Cannot finish add: its worker stops",
  });
  await microtasks();
  assert.ok(last(it.carrier)?.cancel);
  assert.equal(it.told.length, 1);
});

Deno.test("Call: running -> queued when the worker gives it back, -> running in another worker", async () => {
  using it = setUp();
  await it.send();
  it.clock.advance(30);
  it.recall();
  assert.deepStrictEqual([it.call.state, it.call.attempt], ["queued", undefined]);
  assert.deepStrictEqual(it.told, ["given back"]);
  it.clock.advance(10);
  await it.send();
  assert.equal(last(it.carrier)?.call?.timeoutMs, TIMEOUT_MS - 40);
  it.result();
  assert.equal((await it.call.outcome).queueMs, 40);
  assert.deepStrictEqual(it.told, ["given back", "settled ok", "answered"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call: queued -> settled when it was given back and its deadline passes", async () => {
  using it = setUp();
  await it.send();
  it.recall();
  it.clock.advance(TIMEOUT_MS + 5);
  assert.equal(it.call.state, "settled");
  await assert.rejects(it.call.outcome, { code: "deadline_exceeded", stage: "queue" });
  assert.equal(it.alarms(), 0);
});

Deno.test("Attempt: stopping -> ended when the worker gives it back", async () => {
  using it = setUp();
  await it.send();
  it.leave();
  it.recall();
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.equal(await it.answer(), "the caller left");
  assert.deepStrictEqual(it.told, ["settled the caller left", "given back"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call.requeue() does nothing for a call without a worker, or with an answered caller", async () => {
  using it = setUp();
  assert.equal(it.call.requeue(), false);
  assert.deepStrictEqual([it.call.state, it.told], ["queued", []]);
  await it.send();
  it.leave();
  assert.equal(it.call.requeue(), false);
  assert.equal(it.call.state, "settled");
});

Deno.test("Call.requeue() fails with the error of the dead worker if the deadline passes in the queue", async () => {
  using it = setUp();
  await it.send();
  it.attempt.end();
  assert.ok(it.call.requeue(new SnakedenError("worker_crashed", "boom")));
  it.clock.advance(TIMEOUT_MS + 5);
  assert.equal(await it.answer(), "worker_crashed");
});

Deno.test("Call names the stage `queue` if it waited in a worker until its deadline", async () => {
  using it = setUp();
  await it.send({ begins: false });
  it.clock.advance(TIMEOUT_MS + REPORT_MS);
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "stopping");
  await assert.rejects(it.call.outcome, {
    code: "deadline_exceeded",
    stage: "queue",
    message: "Cannot run add: its deadline of 1000 ms passed while it waited in w-1 behind a " +
      "call that did not end",
  });
});

Deno.test("Call sets one alarm and one timer when it is answered in time", async () => {
  using it = setUp();
  const { clock } = it;
  let timers = 0;
  const after = clock.after.bind(clock);
  clock.after = (delayMs, ring) => {
    timers++;
    return after(delayMs, ring);
  };
  await it.send();
  it.result();
  assert.equal(timers, 0, "the one of the constructor serves");
  assert.equal(it.alarms(), 0);
});

Deno.test("Call: running -> settled when its worker dies", async () => {
  using it = setUp();
  await it.send();
  it.attempt.end();
  it.call.fail(new SnakedenError("worker_crashed", "boom"));
  assert.equal(it.call.state, "settled");
  assert.equal(it.attempt.state, "ended");
  assert.equal(await it.answer(), "worker_crashed");
  assert.deepStrictEqual(it.told, ["settled worker_crashed"]);
  it.leave();
  it.clock.advance(10_000);
  assert.deepStrictEqual(it.told, ["settled worker_crashed"]);
  assert.equal(it.alarms(), 0);
});

Deno.test("Call.message() leaves the worker a millisecond when the deadline has just passed", async () => {
  using it = setUp({ timeoutMs: 2 });
  it.clock.advance(2);
  await it.send();
  assert.equal(last(it.carrier)?.call?.timeoutMs, 1);
});

Deno.test("Call hands chunks and progress to its sink until the caller is answered", async () => {
  const got: string[] = [];
  using it = setUp({
    sink: {
      windowBytes: 77,
      onChunk: (value) => got.push(`chunk ${value.jsonText()}`),
      onProgress: (value) => got.push(`progress ${value.jsonText()}`),
    },
  });
  await it.send();
  const sent = it.carrier.sent[0]?.call;
  assert.deepStrictEqual([sent?.stream, sent?.windowBytes], [true, 77]);
  const id = sent?.id ?? 0;
  const say = (): void =>
    it.carrier.deliver(
      { chunk: { id, value: Value.from(1).wire } },
      { progress: { id, value: Value.from(2).wire } },
    );
  say();
  it.call.credit(9);
  await microtasks();
  assert.equal(last(it.carrier)?.credit?.bytes, 9);
  it.leave();
  say();
  it.call.credit(9);
  await microtasks();
  assert.deepStrictEqual(got, ["chunk 1", "progress 2"]);
  assert.ok(last(it.carrier)?.cancel, "credit goes to a running call alone");
  assert.equal(await it.answer(), "the caller left");
});

Deno.test("Call.credit() does nothing before the call is sent", () => {
  using it = setUp();
  it.call.credit(5);
  assert.deepStrictEqual(it.carrier.frames, []);
});

Deno.test("Call is answered once, and ignores everything afterwards", async () => {
  using it = setUp();
  await it.send();
  it.result();
  it.call.fail(new Error("late"));
  it.leave();
  it.clock.advance(10_000);
  assert.equal(await it.answer(), "value 5");
  assert.deepStrictEqual(it.told, ["settled ok", "answered"]);
});
