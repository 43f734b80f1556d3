import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceRecord } from "../../../../src/pool/supervision/devices/device_record.ts";
import type { Trial } from "../../../../src/pool/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { microtasks } from "../../../fixtures/until.ts";

const LIMITS = { crashWindowMs: 1_000, taintAfter: 1, taintMs: 500 };

/** A device and the slots that wait for it, each of which starts a worker when its turn comes. */
class Model {
  readonly clock = new FakeClock();
  readonly record = new DeviceRecord("cuda:0", this.clock, () => {});
  /** The trial that is under way, and has not been decided by the device itself. */
  trial: Trial | undefined;
  waiting = 0;
  readonly #leaving = new Set<AbortController>();

  wait(): void {
    const leaving = new AbortController();
    this.#leaving.add(leaving);
    this.waiting++;
    void this.record.turn(leaving.signal).then((trial) => {
      this.waiting--;
      this.#leaving.delete(leaving);
      if (trial === undefined) {
        assert.ok(this.record.isHealthy || leaving.signal.aborted, "no turn without a reason");
        return;
      }
      assert.equal(this.trial, undefined, "one worker at a time tries the device");
      this.trial = trial;
    });
  }

  leave(): void {
    const [first] = this.#leaving;
    first?.abort();
  }

  decide(how: keyof Trial): void {
    const { trial } = this;
    // Only a trial that has begun goes on.
    if (how !== "begin") this.trial = undefined;
    trial?.[how]();
  }

  crash(): void {
    const wasResting = this.record.remainingMs > 0;
    this.record.crashed(LIMITS);
    // A crash decides the trial.
    if (!wasResting && this.record.remainingMs > 0) this.trial = undefined;
  }

  clear(): void {
    this.record.clear();
    this.trial = undefined;
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    if (this.record.isHealthy) this.trial = undefined;
  }
}

const decision = fc.constantFrom<keyof Trial>("begin", "prove", "giveUp");
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant((it: Model) => it.crash()) },
  { weight: 4, arbitrary: fc.constant((it: Model) => it.wait()) },
  { weight: 1, arbitrary: fc.constant((it: Model) => it.leave()) },
  { weight: 1, arbitrary: fc.constant((it: Model) => it.clear()) },
  { weight: 3, arbitrary: decision.map((how) => (it: Model) => it.decide(how)) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(1, 499, 500, 10_000).map((ms) => (it: Model) => it.pass(ms)),
  },
);

Deno.test("DeviceRecord lets one worker at a time try, keeps nobody waiting for ever, and leaves no timer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
      async (steps) => {
        const it = new Model();
        for (const act of steps) {
          act(it);
          await microtasks();
          assert.ok(it.clock.pending <= 1);
          assert.equal(it.record.isHealthy, it.record.reason === "");
          if (it.record.isHealthy) assert.equal(it.waiting, 0);
          // Where the rest is over and slots wait, one of them has the trial.
          if (!it.record.isHealthy && it.record.remainingMs === 0 && it.waiting > 0) {
            assert.ok(it.trial !== undefined);
          }
        }
        for (let i = 0; it.waiting > 0 && i < 1_000; i++) {
          it.pass(300_000);
          await microtasks();
          it.decide("giveUp");
          await microtasks();
        }
        assert.equal(it.waiting, 0);
        it.decide("giveUp");
        assert.equal(it.clock.pending, 0);
      },
    ),
    { numRuns: 300 },
  );
});
