import assert from "node:assert/strict";
import { Circuit } from "../../../src/calls/policies/mod.ts";
import { type ErrorCode, SnakedenError } from "../../../src/errors.ts";
import { FakeTime } from "../../fixtures/fakes/fake_time.ts";

const OPTIONS = {
  threshold: 3,
  resetMs: 1_000,
  halfOpenCalls: 1,
  codes: ["worker_crashed", "python_exception"] as ErrorCode[],
};

function setUp(options: Partial<typeof OPTIONS> = {}): { circuit: Circuit } {
  return { circuit: new Circuit("the pool p", { ...OPTIONS, ...options }) };
}

const ok = (): Promise<string> => Promise.resolve("ok");

function failing(code: ErrorCode): () => Promise<never> {
  return () => Promise.reject(new SnakedenError(code, "no"));
}

/** Makes a call as CallPolicy does. */
async function call(circuit: Circuit, attempt: () => Promise<unknown>): Promise<string> {
  const refusal = circuit.refusal("crunch");
  if (refusal !== undefined) return refusal.code;
  try {
    return String(await circuit.run(attempt));
  } catch (error) {
    return error instanceof SnakedenError ? error.code : String(error);
  }
}

async function open(circuit: Circuit): Promise<void> {
  for (let i = 0; i < OPTIONS.threshold; i++) await call(circuit, failing("worker_crashed"));
  assert.equal(circuit.state, "open");
}

Deno.test("Circuit: closed -> open after `threshold` failures in a row", async () => {
  using _time = new FakeTime();
  const { circuit } = setUp();
  for (const attempt of [failing("worker_crashed"), failing("worker_crashed"), ok]) {
    await call(circuit, attempt);
  }
  assert.deepStrictEqual([circuit.state, circuit.info.failures], ["closed", 0]);
  await open(circuit);
  assert.deepStrictEqual(circuit.info, {
    state: "open",
    failures: 3,
    opened: 1,
    refused: 0,
    lastFailure: "worker_crashed",
    retryAfterMs: 1_000,
  });
});

Deno.test("Circuit that is open refuses calls at once with circuit_open, and says until when", async () => {
  using time = new FakeTime();
  const { circuit } = setUp();
  await open(circuit);
  time.tick(400);
  const refusal = circuit.refusal("crunch");
  assert.equal(refusal?.code, "circuit_open");
  assert.equal(refusal.retryable, true);
  assert.equal(
    refusal.message,
    "Cannot call crunch: the circuit of the pool p is open for another 600 ms after failures in a " +
      "row, the last one worker_crashed",
  );
  const { circuit: name, state, retryAfterMs } = refusal.details;
  assert.deepStrictEqual([name, state, retryAfterMs], ["the pool p", "open", 600]);
  assert.equal(circuit.info.refused, 1);
});

Deno.test("Circuit: open -> half_open after resetMs, -> closed when the trial call succeeds", async () => {
  using time = new FakeTime();
  const { circuit } = setUp();
  await open(circuit);
  time.tick(1_000);
  assert.equal(circuit.state, "half_open");
  assert.equal(await call(circuit, ok), "ok");
  assert.equal(circuit.state, "closed");
  assert.deepStrictEqual([circuit.info.opened, circuit.info.failures], [1, 0]);
});

Deno.test("Circuit: half_open -> open when the trial call fails, for resetMs again", async () => {
  using time = new FakeTime();
  const { circuit } = setUp();
  await open(circuit);
  time.tick(1_000);
  assert.equal(await call(circuit, failing("python_exception")), "python_exception");
  assert.deepStrictEqual([circuit.state, circuit.info.opened], ["open", 2]);
  time.tick(999);
  assert.equal(await call(circuit, ok), "circuit_open");
  time.tick(1);
  assert.equal(await call(circuit, ok), "ok");
});

Deno.test("Circuit that is half open refuses calls beyond halfOpenCalls, and lets none wait", async () => {
  using time = new FakeTime();
  const { circuit } = setUp({ halfOpenCalls: 2 });
  await open(circuit);
  time.tick(1_000);
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  const ends = [call(circuit, () => first.promise), call(circuit, () => second.promise)];
  assert.equal(await call(circuit, ok), "circuit_open");
  first.resolve("one");
  assert.equal(await ends[0], "one");
  assert.equal(circuit.state, "half_open");
  assert.equal(await call(circuit, ok), "circuit_open");
  second.resolve("two");
  assert.equal(await ends[1], "two");
  assert.equal(circuit.state, "closed");
});

Deno.test("Circuit does not count what is not listed", async () => {
  using _time = new FakeTime();
  const { circuit } = setUp();
  for (let i = 0; i < 9; i++) {
    await call(circuit, failing("invalid_arguments"));
    await call(circuit, () => Promise.reject(new DOMException("left", "AbortError")));
  }
  assert.deepStrictEqual([circuit.state, circuit.info.failures], ["closed", 0]);
});

Deno.test("Circuit opens again when the trial call shows nothing, and closes when a worker answers", async () => {
  using time = new FakeTime();
  const nothing = [
    (): Promise<never> => Promise.reject(new DOMException("left", "AbortError")),
    failing("pool_saturated"),
  ];
  for (const attempt of nothing) {
    const { circuit } = setUp();
    await open(circuit);
    time.tick(1_000);
    await call(circuit, attempt);
    assert.equal(circuit.state, "open");
  }
  const { circuit } = setUp();
  await open(circuit);
  time.tick(1_000);
  await call(circuit, failing("invalid_arguments"));
  assert.equal(circuit.state, "closed");
});

Deno.test("Circuit.reset() closes it in every state, and forgets its failures", async () => {
  using time = new FakeTime();
  const { circuit } = setUp();
  await call(circuit, failing("worker_crashed"));
  circuit.reset();
  assert.deepStrictEqual([circuit.state, circuit.info.failures], ["closed", 0]);
  await open(circuit);
  circuit.reset();
  assert.deepStrictEqual([circuit.state, circuit.info.opened], ["closed", 1]);
  assert.equal(await call(circuit, ok), "ok");
  await open(circuit);
  time.tick(OPTIONS.resetMs);
  assert.equal(circuit.state, "half_open");
  const trial = Promise.withResolvers<void>();
  const tried = call(circuit, () => trial.promise);
  circuit.reset();
  assert.equal(circuit.state, "closed");
  trial.resolve();
  await tried;
  // It takes as many failures as ever to open it.
  await open(circuit);
  assert.equal(circuit.info.opened, 3);
});
