import assert from "node:assert/strict";
import fc from "fast-check";
import { PoolLifecycle, type PoolState, type PoolTransition } from "../../src/pool/pool_state.ts";

const STATES: readonly PoolState[] = ["starting", "ready", "unhealthy", "stopping", "stopped"];

/** Every arrow there is, and for each state a way to it. */
const ALLOWED: ReadonlySet<string> = new Set([
  "starting>ready",
  "starting>unhealthy",
  "starting>stopping",
  "ready>starting",
  "ready>unhealthy",
  "ready>stopping",
  "unhealthy>starting",
  "unhealthy>ready",
  "unhealthy>stopping",
  "stopping>stopped",
]);
const WAY_TO: Readonly<Record<PoolState, readonly PoolState[]>> = {
  starting: [],
  ready: ["ready"],
  unhealthy: ["unhealthy"],
  stopping: ["stopping"],
  stopped: ["stopping", "stopped"],
};

function lifecycleIn(state: PoolState): PoolLifecycle {
  const lifecycle = new PoolLifecycle("p");
  for (const to of WAY_TO[state]) lifecycle.transition(to);
  assert.equal(lifecycle.state, state);
  return lifecycle;
}

for (const from of STATES) {
  for (const to of STATES) {
    if (from === to) continue;
    const isAllowed = ALLOWED.has(`${from}>${to}`);
    Deno.test(`PoolLifecycle.transition() ${isAllowed ? "goes" : "refuses to go"} from ${from} to ${to}`, () => {
      const lifecycle = lifecycleIn(from);
      const seen: PoolTransition[] = [];
      lifecycle.onTransition((transition) => void seen.push(transition));
      if (isAllowed) {
        lifecycle.transition(to);
        assert.deepStrictEqual(seen, [{ pool: "p", from, to }]);
      } else {
        assert.throws(() => lifecycle.transition(to), {
          code: "internal",
          message: `Cannot make the pool p ${to}: it is ${from}`,
        });
        assert.deepStrictEqual(seen, []);
      }
      assert.equal(lifecycle.state, isAllowed ? to : from);
    });
  }
}

Deno.test("PoolLifecycle.transition() to the current state notifies nobody", () => {
  for (const state of STATES) {
    const lifecycle = lifecycleIn(state);
    lifecycle.onTransition(() => assert.fail("nothing has changed"));
    lifecycle.transition(state);
    assert.equal(lifecycle.state, state);
  }
});

Deno.test("PoolLifecycle allows only its arrows, and ends in stopped for good", () => {
  const tries = fc.array(fc.constantFrom(...STATES), { maxLength: 60 });
  fc.assert(fc.property(tries, (targets) => {
    const lifecycle = new PoolLifecycle("p");
    const seen: PoolState[] = [];
    lifecycle.onTransition(({ from, to }) => {
      assert.equal(lifecycle.state, to, "it is told when it holds");
      assert.notEqual(from, to);
      seen.push(to);
    });
    let state: PoolState = "starting";
    const expected: PoolState[] = [];
    for (const to of targets) {
      const isAllowed = ALLOWED.has(`${state}>${to}`);
      if (isAllowed || to === state) lifecycle.transition(to);
      else assert.throws(() => lifecycle.transition(to), { code: "internal" });
      if (isAllowed) expected.push(state = to);
      assert.equal(lifecycle.state, state);
      assert.equal(lifecycle.isOpen, state !== "stopping" && state !== "stopped");
    }
    assert.deepStrictEqual(seen, expected);
  }));
});

Deno.test("PoolLifecycle.onTransition() listens until its function is called", () => {
  const lifecycle = new PoolLifecycle("p");
  const seen: string[] = [];
  const stop = lifecycle.onTransition(({ to }) => void seen.push(to));
  lifecycle.transition("ready");
  stop();
  lifecycle.transition("stopping");
  assert.deepStrictEqual(seen, ["ready"]);
});

Deno.test("PoolLifecycle.whenStarted() resolves in the first state after starting, and rejects with its signal", async () => {
  const lifecycle = new PoolLifecycle("p");
  const leaving = new AbortController();
  const left = lifecycle.whenStarted(leaving.signal);
  const waits = lifecycle.whenStarted();
  leaving.abort(new Error("enough"));
  await assert.rejects(left, /enough/);
  lifecycle.transition("unhealthy");
  await waits;
  await lifecycle.whenStarted();
});
