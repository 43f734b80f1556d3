/**
 * Tests the verdicts of CrashPolicy.judge() without a pool. crash_policy_test.ts tests how the pool
 * acts on them.
 */
import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { WorkerCrashedError, type WorkerExit } from "../../../src/errors.ts";
import { classifyCrash } from "../../../src/pool/crashes/mod.ts";
import { type CrashOptions, CrashPolicy } from "../../../src/pool/crashes/crash_policy.ts";
import type { EndedWorker } from "../../../src/pool/crashes/crash_record.ts";
import type { JudgedCall, Judgement } from "../../../src/pool/crashes/verdict.ts";

const SEGFAULT: WorkerExit = { exitCode: null, signal: "SIGSEGV", lastOutput: [] };
const KILLED: WorkerExit = { exitCode: null, signal: "SIGKILL", lastOutput: [] };

function policyWith(options: Partial<CrashOptions> = {}): CrashPolicy {
  return new CrashPolicy(
    { maxReruns: 2, poisonAfter: 3, poisonMs: 60_000, crashWindowMs: 60_000, ...options },
    { now: () => 1_000, declaresIdempotent: (tool) => tool === "lookup" },
  );
}

/** A call that nobody can change. */
function callWith(options: Partial<JudgedCall> = {}): JudgedCall {
  return Object.freeze({
    tool: "hold",
    args: Value.from(1),
    state: "running" as const,
    hasFlowed: false,
    isBound: false,
    idempotent: undefined,
    items: undefined,
    ...options,
  });
}

function workerWith(options: Partial<EndedWorker> = {}): EndedWorker {
  return {
    id: "p-1",
    incarnation: "p-1.0",
    pid: 7,
    stopRequested: false,
    crashOf: (exit) => classifyCrash(exit),
    crashError: (exit, tool) => new WorkerCrashedError(`Cannot finish ${tool}`, exit),
    ...options,
  };
}

interface Flight {
  readonly lost?: readonly JudgedCall[];
  readonly unstarted?: readonly JudgedCall[];
  readonly exit?: WorkerExit;
  readonly worker?: EndedWorker;
}

function judge(policy: CrashPolicy, flight: Flight): readonly Judgement<JudgedCall>[] {
  return policy.judge({
    lost: [],
    unstarted: [],
    exit: SEGFAULT,
    worker: workerWith(),
    ...flight,
  });
}

function actions(policy: CrashPolicy, flight: Flight): readonly string[] {
  return judge(policy, flight).map(({ verdict }) => verdict.action);
}

Deno.test("CrashPolicy.judge() returns the calls that have not begun to the queue, and fails the one that may have run", () => {
  const calls = [callWith(), callWith(), callWith()];
  const [first, ...others] = calls;
  assert.ok(first);
  const judged = judge(policyWith(), { lost: [first], unstarted: others });
  assert.deepStrictEqual(judged.map(({ call }) => calls.indexOf(call)), [0, 1, 2]);
  assert.deepStrictEqual(judged.map(({ verdict }) => verdict.action), ["fail", "return", "return"]);
});

Deno.test("CrashPolicy.judge() takes no call for poison that was lost with others, any of which may be the cause", () => {
  const policy = policyWith({ maxReruns: 9 });
  const popular = { tool: "lookup", args: Value.from("popular") };
  const calls = [callWith(popular), callWith({ tool: "lookup", args: Value.from("other") })];
  for (let i = 0; i < 4; i++) {
    assert.deepStrictEqual(actions(policy, { lost: calls }), ["rerun", "rerun"]);
  }
  assert.equal(policy.refusal(popular), undefined);
  // Alone, each crash is the doing of the call.
  const [call] = calls;
  assert.ok(call);
  const alone = [1, 2, 3].flatMap(() => actions(policy, { lost: [call] }));
  assert.deepStrictEqual(alone, ["rerun", "rerun", "poison"]);
  assert.equal(policy.refusal(popular)?.code, "poison_call");
});

Deno.test("CrashPolicy.judge() reruns a call that is idempotent by itself or by its tool", () => {
  const rows: readonly (readonly [Partial<JudgedCall>, string])[] = [
    [{ idempotent: true }, "rerun"],
    [{ tool: "lookup" }, "rerun"],
    [{ tool: "lookup", idempotent: false }, "fail"],
    [{ idempotent: true, hasFlowed: true }, "fail"],
    [{ idempotent: true, state: "settled" }, "fail"],
    [{ idempotent: true, isBound: true }, "fail"],
  ];
  for (const [options, expected] of rows) {
    const policy = policyWith();
    assert.deepStrictEqual(actions(policy, { lost: [callWith(options)] }), [expected]);
    assert.equal(policy.stats.reruns, expected === "rerun" ? 1 : 0);
  }
});

Deno.test("CrashPolicy.judge() reruns a call maxReruns times and then fails it, each time with its latest error", () => {
  const policy = policyWith();
  const call = callWith({ idempotent: true });
  const verdicts = Array.from(
    { length: 3 },
    () => judge(policy, { lost: [call], exit: KILLED })[0]?.verdict,
  );
  assert.deepStrictEqual(verdicts.map((it) => it?.action), ["rerun", "rerun", "fail"]);
  for (const it of verdicts) assert.ok(it?.action !== "return" && it?.error);
  assert.equal(policy.stats.reruns, 2);
});

Deno.test("CrashPolicy.judge() suspects the call that was next when its worker ended by itself between two calls", () => {
  const policy = policyWith();
  const [next, later] = [callWith(), callWith()];
  const flight = { unstarted: [next, later] };
  const [first] = judge(policy, flight);
  assert.deepStrictEqual(first?.verdict, { action: "rerun", error: undefined });
  assert.deepStrictEqual(actions(policy, flight), ["rerun", "return"]);
  assert.deepStrictEqual(actions(policy, flight), ["poison", "return"]);
  assert.equal(policy.stats.reruns, 0, "it never ran");
});

Deno.test("CrashPolicy.judge() suspects nothing when the host wanted the end of the worker", () => {
  const policy = policyWith({ poisonAfter: 1 });
  const worker = workerWith({ stopRequested: true });
  assert.deepStrictEqual(actions(policy, { worker, unstarted: [callWith()] }), ["return"]);
  assert.equal(policy.stats.total, 0);
});

Deno.test("CrashPolicy.judge() finds a call poison that has killed poisonAfter workers, and refusal() refuses calls like it", () => {
  const policy = policyWith({ maxReruns: 50 });
  const call = callWith({ idempotent: true });
  const ends = Array.from({ length: 3 }, () => actions(policy, { lost: [call] })[0]);
  assert.deepStrictEqual(ends, ["rerun", "rerun", "poison"]);
  assert.equal(policy.refusal(callWith())?.code, "poison_call");
  assert.equal(policy.refusal(callWith({ args: Value.from(2) })), undefined);
  assert.equal(policy.stats.poisoned, 2);
});

Deno.test("CrashPolicy.judge() never finds a call poison because of ends that may have another cause", () => {
  const policy = policyWith({ maxReruns: 4, poisonAfter: 1 });
  const call = callWith({ idempotent: true });
  const ends = Array.from({ length: 5 }, () => actions(policy, { lost: [call], exit: KILLED })[0]);
  assert.deepStrictEqual(ends, ["rerun", "rerun", "rerun", "rerun", "fail"]);
  assert.equal(policy.refusal(call), undefined);
});
