import assert from "node:assert/strict";
import { Heartbeat, type HeartbeatOptions } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";

const OPTIONS: HeartbeatOptions = { pingIntervalMs: 100, pingTimeoutMs: 100, maxMissed: 3 };
/** From the start of a silence to its end at the latest, and the second look. */
const BOUND_MS = 100 * 3 + 100 + 1;

/** Answers each ping at once unless it is frozen. */
class FakePinged {
  heard = 0;
  beats = 0;
  frozen = false;

  beat(): void {
    this.beats++;
    if (!this.frozen) this.heard++;
  }
}

interface Setting extends Disposable {
  readonly clock: FakeClock;
  readonly heartbeat: Heartbeat<FakePinged>;
  readonly events: string[];
  add(): FakePinged;
}

function setting(options: Partial<HeartbeatOptions> = {}): Setting {
  const clock = new FakeClock();
  const events: string[] = [];
  const heartbeat = new Heartbeat<FakePinged>({ ...OPTIONS, ...options }, clock, {
    onSilent: (_, missed, silentMs) => events.push(`silent ${missed} ${silentMs}`),
    onHeard: () => events.push("heard"),
  });
  return {
    clock,
    heartbeat,
    events,
    add(): FakePinged {
      const it = new FakePinged();
      heartbeat.add(it);
      return it;
    },
    [Symbol.dispose]: () => heartbeat[Symbol.dispose](),
  };
}

Deno.test("Heartbeat pings all workers at once and then every pingIntervalMs, on one timer", () => {
  using it = setting();
  const pinged = [it.add(), it.add(), it.add()];
  assert.equal(it.clock.pending, 1);
  it.clock.advance(1_000);
  assert.deepStrictEqual(pinged.map(({ beats }) => beats), [11, 11, 11]);
  assert.equal(it.clock.pending, 1);
  assert.deepStrictEqual(it.events, []);
});

Deno.test("Heartbeat reports a silence after exactly maxMissed misses", () => {
  using it = setting();
  const pinged = it.add();
  it.clock.advance(150);
  pinged.frozen = true;
  // Pings at 200, 300 and 400, missed at 300, 400 and 500.
  it.clock.advance(349);
  assert.equal(it.heartbeat.missed(pinged), 2);
  assert.deepStrictEqual(it.events, []);
  it.clock.advance(2);
  assert.deepStrictEqual(it.events, ["silent 3 301"]);
  it.clock.advance(1_000);
  assert.equal(it.events.length, 1, "told once");
});

Deno.test("Heartbeat reports a silence within pingIntervalMs * maxMissed + pingTimeoutMs, whenever it begins", () => {
  for (const pingTimeoutMs of [30, 100, 250]) {
    for (let at = 0; at < 200; at += 7) {
      using it = setting({ pingTimeoutMs });
      const pinged = it.add();
      it.clock.advance(at);
      pinged.frozen = true;
      it.clock.advance(100 * 2 + pingTimeoutMs - 1);
      assert.deepStrictEqual(it.events, [], `frozen at ${at}`);
      it.clock.advance(102);
      assert.equal(it.events.length, 1, `frozen at ${at}, timeout ${pingTimeoutMs}`);
    }
  }
});

Deno.test("Heartbeat resets its count on any message", () => {
  using it = setting();
  const pinged = it.add();
  pinged.frozen = true;
  for (let i = 0; i < 10; i++) {
    it.clock.advance(290);
    // A result, a chunk, a log entry.
    pinged.heard++;
  }
  assert.deepStrictEqual(it.events, []);
  assert.equal(it.heartbeat.missed(pinged) <= 2, true);
});

Deno.test("Heartbeat counts an answer after the timeout as a sign of life", () => {
  using it = setting({ pingTimeoutMs: 10 });
  const pinged = it.add();
  pinged.frozen = true;
  it.clock.advance(120);
  assert.equal(it.heartbeat.missed(pinged), 1);
  pinged.heard++;
  it.clock.advance(85);
  assert.equal(it.heartbeat.missed(pinged), 0);
});

Deno.test("Heartbeat reports the end of a reported silence", () => {
  using it = setting();
  const pinged = it.add();
  pinged.frozen = true;
  it.clock.advance(1_000);
  pinged.frozen = false;
  it.clock.advance(300);
  pinged.frozen = true;
  it.clock.advance(1_000);
  assert.deepStrictEqual(it.events.map((event) => event.split(" ")[0]), [
    "silent",
    "heard",
    "silent",
  ]);
});

/** A clock whose timers ring late, as those of a blocked event loop do. */
class BlockedClock extends FakeClock {
  /** Lets time pass in which nothing rings; what was due rings then. */
  block(ms: number): void {
    this.blockedMs += ms;
    this.advance(0);
  }

  blockedMs = 0;

  override now(): number {
    return super.now() + this.blockedMs;
  }
}

Deno.test("Heartbeat does not count the time in which the host itself was blocked", () => {
  for (const blockedMs of [30, 80, 10_000]) {
    const clock = new BlockedClock();
    const events: string[] = [];
    using heartbeat = new Heartbeat<FakePinged>({ ...OPTIONS, maxMissed: 1 }, clock, {
      onSilent: () => events.push("silent"),
      onHeard: () => events.push("heard"),
    });
    const pinged = new FakePinged();
    heartbeat.add(pinged);
    // The ping is sent, and then both are away, as when the machine sleeps; the answer comes a
    // while after the timer rings.
    pinged.frozen = true;
    clock.advance(105);
    clock.block(blockedMs);
    clock.advance(95 + Math.min(blockedMs, 100) / 2);
    assert.deepStrictEqual(events, [], `blocked for ${blockedMs} ms`);
    pinged.frozen = false;
    pinged.heard++;
    clock.advance(500);
    assert.deepStrictEqual(events, [], `blocked for ${blockedMs} ms`);
    // It still notices one that is frozen.
    pinged.frozen = true;
    clock.advance(2 * BOUND_MS);
    assert.deepStrictEqual(events, ["silent"]);
  }
});

Deno.test("Heartbeat counts a miss only at a second check, after the event loop has read the sockets", () => {
  using it = setting({ maxMissed: 1 });
  const pinged = it.add();
  pinged.frozen = true;
  it.clock.advance(200);
  assert.equal(it.heartbeat.missed(pinged), 0);
  // Was in the socket all the time.
  pinged.heard++;
  it.clock.advance(1);
  assert.deepStrictEqual(it.events, []);
});

Deno.test("Heartbeat.remove() ends the timer with the last worker", () => {
  using it = setting();
  const [a, b] = [it.add(), it.add()];
  it.heartbeat.remove(a);
  assert.equal(it.clock.pending, 1);
  it.heartbeat.remove(b);
  it.heartbeat.remove(b);
  assert.equal(it.clock.pending, 0);
  it.clock.advance(500);
  assert.deepStrictEqual([a.beats, b.beats], [1, 1]);
  const c = it.add();
  it.clock.advance(500);
  assert.equal(c.beats, 6);
});

Deno.test("Heartbeat with an interval of 0 pings nobody and has no timer", () => {
  using it = setting({ pingIntervalMs: 0 });
  const pinged = it.add();
  it.clock.advance(10_000);
  assert.deepStrictEqual([pinged.beats, it.clock.pending, it.events.length], [0, 0, 0]);
});

Deno.test("Heartbeat keeps its interval even if every timer is late", () => {
  const clock = new FakeClock();
  const late = {
    now: () => clock.now(),
    after: (delayMs: number, ring: () => void) => clock.after(delayMs + 5, ring),
  };
  using heartbeat = new Heartbeat<FakePinged>(OPTIONS, late, {
    onSilent: () => {},
    onHeard: () => {},
  });
  const pinged = new FakePinged();
  heartbeat.add(pinged);
  clock.advance(10_010);
  assert.equal(pinged.beats, 101);
});
