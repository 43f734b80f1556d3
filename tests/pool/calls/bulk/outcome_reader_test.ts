import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/alarms.ts";
import { Value } from "../../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  type BulkNote,
  type CallOutcome,
  type CallWork,
  OutcomeReader,
} from "../../../../src/pool/calls/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { microtasks } from "../../../fixtures/until.ts";

const TIMEOUT_MS = 1_000;

function chunk(...results: number[]): Value {
  const text = results.map((it) => `{"result":${it}}`).join(",\n");
  return new Value({ json: new TextEncoder().encode(`[${text}]`), tagged: false });
}

interface SetUp extends Disposable {
  readonly reader: OutcomeReader;
  readonly call: PromiseWithResolvers<CallOutcome>;
  readonly ending: Promise<CallOutcome>;
  readonly taken: unknown[];
  /** The outcomes that are being taken. */
  readonly held: PromiseWithResolvers<void>[];
  readonly credits: number[];
  /** Notes that the worker has ended the call. */
  over(): void;
  hold(): void;
  advance(ms: number): void;
}

/** Makes a reader of a bulk call of three items that has been sent. */
function setUp(note?: BulkNote): SetUp {
  const clock = new FakeClock();
  const alarms = new Alarms(clock);
  const taken: unknown[] = [];
  const held: PromiseWithResolvers<void>[] = [];
  const credits: number[] = [];
  const call = Promise.withResolvers<CallOutcome>();
  let holds = false;
  const reader = new OutcomeReader({
    tool: "add",
    items: 3,
    timeoutMs: TIMEOUT_MS,
    windowBytes: 1_000,
    alarms,
    onOutcomes: (outcomes, first) => {
      taken.push([first, ...outcomes.map(Number)]);
      if (!holds) return;
      const next = Promise.withResolvers<void>();
      held.push(next);
      return next.promise;
    },
  });
  reader.signal.addEventListener(
    "abort",
    { handleEvent: () => call.reject(reader.signal.reason) },
  );
  const ending = reader.attach({ outcome: call.promise, credit: (bytes) => credits.push(bytes) });
  ending.catch(() => {});
  const work = {
    workerId: "w-1",
    hasBegun: true,
    wasSkipped: false,
    isOver: false,
    bulkNote: note,
    outputRead: undefined,
    onOver: undefined as CallWork["onOver"],
  };
  reader.sent(work);
  return {
    reader,
    call,
    ending,
    taken,
    held,
    credits,
    over(): void {
      work.isOver = true;
      work.onOver?.();
    },
    hold(): void {
      holds = true;
    },
    advance(ms: number): void {
      for (let left = ms; left > 0; left -= 50) clock.advance(Math.min(50, left));
    },
    [Symbol.dispose]: () => alarms[Symbol.dispose](),
  };
}

Deno.test("OutcomeReader hands on outcomes in order, and credits those that were taken", async () => {
  using it = setUp();
  it.hold();
  it.reader.onChunk(chunk(0, 1));
  it.reader.onChunk(chunk(2));
  assert.deepEqual([it.taken, it.credits], [[[0, 0, 1]], []]);
  it.call.resolve({} as CallOutcome);
  it.held[0]?.resolve();
  await microtasks();
  assert.deepEqual(it.taken, [[0, 0, 1], [2, 2]]);
  assert.deepEqual(it.credits, [chunk(0, 1).weight]);
  it.held[1]?.resolve();
  await it.ending;
  assert.equal(it.credits.length, 2);
});

Deno.test("OutcomeReader stops a call that shows no outcome for longer than an item may take", async () => {
  using it = setUp({ callId: 1, item: 1, areas: [] });
  it.advance(TIMEOUT_MS);
  it.reader.onChunk(chunk(0));
  it.advance(TIMEOUT_MS);
  assert(!it.reader.signal.aborted);
  it.advance(300);
  it.over();
  await assert.rejects(it.ending, {
    code: "deadline_exceeded",
    details: { stage: "tool", timeoutMs: TIMEOUT_MS, workerId: "w-1", outcomes: 1, item: 1 },
  });
});

Deno.test("OutcomeReader blames no item while its reader has not taken an outcome", async () => {
  using it = setUp();
  it.hold();
  it.reader.onChunk(chunk(0));
  it.advance(5 * TIMEOUT_MS);
  assert(!it.reader.signal.aborted);
  it.held[0]?.resolve();
  await microtasks();
  it.advance(2 * TIMEOUT_MS);
  assert(it.reader.signal.aborted);
});

Deno.test("OutcomeReader hands on what a dead worker has recorded, and then fails", async () => {
  const areas = [{ first: 0, text: '{"result":0},\n{"result":1},\n' }];
  using it = setUp({ callId: 1, item: 2, areas });
  it.reader.onChunk(chunk(0));
  it.over();
  it.call.reject(new SnakedenError("worker_crashed", "gone"));
  await assert.rejects(it.ending, { details: { outcomes: 2, item: 2 } });
  assert.deepEqual(it.taken, [[0, 0], [1, 1]]);
});

Deno.test("OutcomeReader fails if outcomes are missing at the end", async () => {
  using it = setUp();
  it.reader.onChunk(chunk(0));
  it.over();
  it.call.resolve({} as CallOutcome);
  await assert.rejects(it.ending, { code: "internal" });
});

Deno.test("OutcomeReader hands on what ends until the worker has stopped the call", async () => {
  using it = setUp();
  it.reader.onChunk(chunk(0));
  it.call.reject(new SnakedenError("cancelled", "enough"));
  await microtasks();
  it.reader.onChunk(chunk(1));
  it.over();
  await assert.rejects(it.ending, { code: "cancelled", details: { outcomes: 2 } });
  assert.deepEqual(it.taken, [[0, 0], [1, 1]]);
});
