import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/alarms.ts";
import { StallWatch } from "../../../../src/pool/calls/times/stall_watch.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";

const LIMIT_MS = 1_000;
const WINDOW_BYTES = 100;
/** The time after its limit in which a silent call is found: two slots of alarms and a pause. */
const SEEN_MS = 40;

interface SetUp extends Disposable {
  readonly watch: StallWatch;
  readonly alarms: Alarms;
  readonly stalls: string[];
  hasBegun: boolean;
  advance(ms: number): void;
}

function setUp(): SetUp {
  const clock = new FakeClock();
  const alarms = new Alarms(clock);
  const stalls: string[] = [];
  const it: SetUp = {
    alarms,
    stalls,
    hasBegun: true,
    watch: new StallWatch({
      alarms,
      limitMs: LIMIT_MS,
      windowBytes: WINDOW_BYTES,
      hasBegun: () => it.hasBegun,
      onStall: (lastSign, silentMs) => stalls.push(`${lastSign} ${Math.floor(silentMs / 100)}`),
    }),
    advance(ms): void {
      // In steps, since an alarm that rings may set the next one.
      for (let left = ms; left > 0; left -= 50) clock.advance(Math.min(50, left));
    },
    [Symbol.dispose]: () => alarms[Symbol.dispose](),
  };
  it.watch.begin();
  return it;
}

Deno.test("StallWatch: watching -> idle when nothing was shown for the limit, and not before", () => {
  using it = setUp();
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["start 10"]);
  it.advance(5 * LIMIT_MS);
  assert.deepEqual(it.stalls, ["start 10"]);
  assert.equal(it.alarms.size, 0);
});

Deno.test("StallWatch lets signs be read that came while the event loop was blocked", () => {
  using it = setUp();
  // The alarm has rung before anything was read.
  it.advance(LIMIT_MS + 10);
  assert.deepEqual(it.stalls, []);
  it.watch.progress();
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["progress 10"]);
});

Deno.test("StallWatch: watching -> idle when the call ends", () => {
  using it = setUp();
  it.watch.end();
  assert.equal(it.alarms.size, 0);
  it.advance(5 * LIMIT_MS);
  assert.deepEqual(it.stalls, []);
});

for (const sign of ["chunk", "progress", "ask"] as const) {
  Deno.test(`StallWatch counts from the last ${sign}`, () => {
    using it = setUp();
    const show = {
      chunk: () => it.watch.chunk(1),
      progress: () => it.watch.progress(),
      ask: () => it.watch.ask(() => 1),
    };
    for (let i = 0; i < 5; i++) {
      it.advance(LIMIT_MS - 100);
      show[sign]();
    }
    it.advance(LIMIT_MS - 1);
    assert.deepEqual(it.stalls, []);
    it.advance(1 + SEEN_MS);
    assert.deepEqual(it.stalls, [`${sign} 10`]);
  });
}

Deno.test("StallWatch does not count while the window of the reader is full", () => {
  using it = setUp();
  it.watch.chunk(WINDOW_BYTES);
  it.advance(10 * LIMIT_MS + 300);
  it.watch.credit(1);
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["read 10"]);
});

Deno.test("StallWatch counts while the window has room, whatever the reader takes", () => {
  using it = setUp();
  it.watch.chunk(WINDOW_BYTES - 1);
  it.advance(LIMIT_MS / 2);
  it.watch.credit(WINDOW_BYTES - 1);
  it.advance(LIMIT_MS / 2 + SEEN_MS);
  assert.deepEqual(it.stalls, ["chunk 10"]);
});

Deno.test("StallWatch does not count while a reader without a window pauses", () => {
  using it = setUp();
  it.watch.pause();
  it.advance(3 * LIMIT_MS);
  it.watch.resume();
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  // It has not paused, so that this is no sign.
  it.watch.resume();
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["read 10"]);
  it.watch.pause();
  it.watch.begin();
  it.advance(LIMIT_MS + SEEN_MS);
  assert.deepEqual(it.stalls, ["read 10", "start 10"]);
});

Deno.test("StallWatch does not count while the host has an ask to answer, also one that fails", async () => {
  using it = setUp();
  const answer = Promise.withResolvers<number>();
  const first = it.watch.ask(() => answer.promise);
  const second = it.watch.ask(() => Promise.resolve(2));
  assert.equal(await second, 2);
  it.advance(10 * LIMIT_MS + 300);
  assert.deepEqual(it.stalls, []);
  answer.reject(new Error("no"));
  await assert.rejects(async () => await first, /no/);
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["ask 10"]);
});

Deno.test("StallWatch does not count while the call waits in its worker behind another one", () => {
  using it = setUp();
  it.hasBegun = false;
  it.advance(3 * LIMIT_MS);
  it.hasBegun = true;
  it.advance(LIMIT_MS - LIMIT_MS / 4);
  assert.deepEqual(it.stalls, []);
  it.advance(LIMIT_MS / 2);
  assert.deepEqual(it.stalls, ["start 10"]);
});

Deno.test("StallWatch: idle -> watching again when the call is sent to another worker", () => {
  using it = setUp();
  it.watch.chunk(WINDOW_BYTES);
  it.watch.end();
  it.advance(3 * LIMIT_MS);
  it.watch.begin();
  it.advance(LIMIT_MS - 1);
  assert.deepEqual(it.stalls, []);
  it.advance(1 + SEEN_MS);
  assert.deepEqual(it.stalls, ["start 10"]);
});

Deno.test("StallWatch waits for the asks of the attempt that runs, not of one before it", async () => {
  using it = setUp();
  const [late, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = it.watch.ask(() => late.promise);
  it.watch.end();
  it.watch.begin();
  // The worker that asked has died, so its ask holds up nothing.
  it.advance(LIMIT_MS / 2);
  const second = it.watch.ask(() => open.promise);
  late.resolve();
  await first;
  it.advance(10 * LIMIT_MS + 300);
  assert.deepEqual(it.stalls, []);
  open.resolve();
  await second;
  it.advance(LIMIT_MS + SEEN_MS);
  assert.deepEqual(it.stalls, ["ask 10"]);
});
