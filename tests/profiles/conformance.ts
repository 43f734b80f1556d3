/**
 * The contract of every profile, as tests. The first half tries the window of a profile with any
 * order of events; the second runs real workers, by each launcher and over each carrier. An entry
 * in `POOLS` of conformance_test.ts runs both for a new profile.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import { Alarms } from "../../src/async/alarms.ts";
import {
  type CallWindow,
  type Profile,
  type ProfileName,
  profileOf,
  type ProfileSettings,
  type Sent,
} from "../../src/pool/profiles/mod.ts";
import type { LauncherName } from "../../src/pool/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** A window, a clock that stands still, and the calls that are in flight. */
class Bench {
  readonly clock = new FakeClock();
  readonly window: CallWindow<Sent>;
  /** The calls in flight, in the order in which they were sent. */
  readonly inFlight: Sent[] = [];
  recalls = 0;
  #linkId = 0;

  constructor(profile: Profile) {
    this.window = profile.open({ alarms: new Alarms(this.clock), recall: () => this.recalls++ });
  }

  add(expectedMs = 0.1): Sent {
    const call: Sent = { linkId: ++this.#linkId, expectedMs: 0, inFlightSince: 0 };
    this.window.add(call, expectedMs, this.clock.now());
    this.inFlight.push(call);
    return call;
  }

  remove(index: number): void {
    const [call] = this.inFlight.splice(index, 1);
    if (call !== undefined) assert.ok(this.window.remove(call, this.clock.now()));
  }

  hasRoom(budgetMs: number): boolean {
    return this.window.hasRoom(budgetMs, this.clock.now());
  }
}

type Step = { readonly do: "add" | "remove" | "time"; readonly n: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ do: fc.constantFrom("add", "add", "remove", "time"), n: fc.nat({ max: 40 }) }),
  { maxLength: 60 },
);

/** Takes the steps, and checks the window after each. */
function play(bench: Bench, all: readonly Step[], check: () => void): void {
  for (const step of all) {
    if (step.do === "add") bench.add(step.n / 10);
    if (step.do === "time") bench.clock.advance(step.n);
    if (step.do === "remove" && bench.inFlight.length > 0) {
      bench.remove(step.n % bench.inFlight.length);
    }
    check();
  }
}

/** Registers the tests of the windows of one profile. */
export function testWindow(name: string, profile: Profile): void {
  const { capacity } = profile;
  const prop = (test: (bench: Bench, all: readonly Step[]) => void): void =>
    fc.assert(fc.property(steps, (all) => test(new Bench(profile), all)));

  Deno.test(`profile ${name}: the oldest calls have begun, as many as may run, and the others wait`, () => {
    prop((bench, all) =>
      play(bench, all, () => {
        const { window, inFlight } = bench;
        assert.deepStrictEqual(window.begun, inFlight.slice(0, capacity));
        assert.equal(window.waiting, Math.max(0, inFlight.length - capacity));
        assert.equal(window.size, inFlight.length);
        for (const call of inFlight) {
          assert.equal(window.hasBegun(call), window.begun.includes(call));
        }
      })
    );
  });

  Deno.test(`profile ${name}: a budget of 0 sends as many calls as may run, and none ahead`, () => {
    prop((bench, all) =>
      play(bench, all, () => assert.equal(bench.hasRoom(0), bench.inFlight.length < capacity))
    );
  });

  Deno.test(`profile ${name}: no call is sent behind a backlog beyond the budget`, () => {
    prop((bench, all) =>
      play(bench, all, () => {
        if (bench.inFlight.length < capacity) return;
        if (bench.window.backlogMs > 5) assert.ok(!bench.hasRoom(5));
      })
    );
  });

  Deno.test(`profile ${name}: the backlog is what is expected of the calls, shared among its places, and 0 when nothing is in flight`, () => {
    prop((bench, all) =>
      play(bench, all, () => {
        const sum = bench.inFlight.reduce((ms, call) => ms + call.expectedMs, 0);
        assert.ok(Math.abs(bench.window.backlogMs - sum / capacity) < 1e-6);
        if (bench.inFlight.length === 0) assert.equal(bench.window.backlogMs, 0);
      })
    );
  });

  Deno.test(`profile ${name}: one more call can begin at once while a place is free, else when the first call is done`, () => {
    prop((bench, all) =>
      play(bench, all, () => {
        const freeInMs = bench.window.freeInMs(bench.clock.now());
        assert.ok(freeInMs >= -1e-9 && freeInMs <= bench.window.backlogMs * capacity + 1e-6);
        if (bench.inFlight.length < capacity) assert.equal(freeInMs, 0);
      })
    );
    const busy = new Bench(profile);
    for (let i = 0; i < capacity; i++) busy.add(100);
    const freeIn = (): number => busy.window.freeInMs(busy.clock.now());
    assert.equal(freeIn(), 100);
    busy.clock.advance(30);
    assert.equal(freeIn(), 70);
    // One that waits is in the place of the first one then.
    busy.add(100);
    assert.ok(freeIn() > 70 && freeIn() <= 170);
    busy.remove(capacity);
    busy.clock.advance(500);
    assert.equal(freeIn(), 0);
  });

  Deno.test(`profile ${name}: a call that waits is not a reason to kill the worker, one that has begun is, once its grace is over`, () => {
    const graceMs = 100;
    prop((bench, all) =>
      play(bench, all, () => {
        const now = bench.clock.now();
        for (const call of bench.inFlight) {
          const killAt = bench.window.killAt(call, graceMs, now);
          if (!bench.window.hasBegun(call)) assert.ok(killAt > now);
          else assert.ok(killAt <= now + graceMs && killAt >= call.inFlightSince + graceMs);
        }
      })
    );
  });

  Deno.test(`profile ${name}: calls that wait too long behind others are recalled, and running ones are not`, () => {
    const alone = new Bench(profile);
    for (let i = 0; i < capacity; i++) alone.add();
    alone.clock.advance(10_000);
    assert.equal(alone.recalls, 0);
    alone.add();
    alone.clock.advance(10_000);
    assert.ok(alone.recalls > 0);
  });

  Deno.test(`profile ${name}: a call that is not in flight cannot be removed`, () => {
    const bench = new Bench(profile);
    const call = bench.add();
    bench.remove(0);
    assert.equal(bench.window.remove(call, bench.clock.now()), false);
  });

  Deno.test(`profile ${name}: the end of a worker splits all calls into those that may have run and the others`, () => {
    fc.assert(
      fc.property(
        steps,
        fc.option(fc.array(fc.nat({ max: 70 }), { minLength: 1, maxLength: capacity }), {
          nil: undefined,
        }),
        fc.boolean(),
        (all, started, readToEnd) => {
          const bench = new Bench(profile);
          play(bench, all, () => {});
          const { inFlight, window } = bench;
          let disposed = 0;
          const note = started === undefined
            ? undefined
            : { startedCalls: () => started, [Symbol.dispose]: (): unknown => disposed++ };
          const { lost, unstarted } = window.drain({ note, readToEnd });
          const byId = (a: Sent, b: Sent): number => a.linkId - b.linkId;
          assert.deepStrictEqual([...lost, ...unstarted].sort(byId), inFlight);
          // Without a note nothing is known, so all calls may have run.
          if (note === undefined) assert.deepStrictEqual(lost, inFlight);
          else assert.equal(disposed, 1, "the note was not closed");
          const noted = inFlight.filter(({ linkId }) => started?.includes(linkId));
          for (const call of noted) assert.ok(lost.includes(call), "a noted call has begun");
          assert.deepStrictEqual([window.size, window.backlogMs, window.begun], [0, 0, []]);
        },
      ),
    );
  });
}

function testWorkers(
  name: string,
  settings: PoolProfile,
  { capacity, ...start }: Start & { readonly capacity: number },
): void {
  const open = async () => {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(await tempDir()).path;
    const den = stack.use(
      await startDen({
        ...settings,
        ...start,
        size: 1,
        adapter: adapterOf(settings),
        timeoutMs: 60_000,
      }),
    );
    await den.health.awaitReady({ timeoutMs: 60_000 });
    // A pool that has fallen back to the other launcher would try the wrong one.
    assert.deepEqual(den.workers.list().map((it) => it.launcher), [start.launcher]);
    const began = (call: string): Promise<boolean> =>
      until(async () => {
        const stat = await Deno.stat(join(folder, `${call}.begun`)).catch(() => undefined);
        return stat !== undefined;
      }, `${call} has begun`);
    return {
      began,
      begun: async (): Promise<string[]> => {
        const names = [];
        for await (const { name } of Deno.readDir(folder)) {
          if (name.endsWith(".begun")) names.push(name.slice(0, -".begun".length));
        }
        return names.sort();
      },
      go: (call: string) => Deno.writeTextFile(join(folder, `${call}.go`), ""),
      hold: (call: string, args: object = {}, signal?: AbortSignal): Promise<unknown> => {
        const options = signal === undefined ? {} : { signal };
        const ended = den.execute("hold", { folder, name: call, ...args }, options);
        ended.catch(() => {});
        return ended;
      },
      pid: () => den.workers.list()[0]?.pid,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  };
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `call${i}`);

  Deno.test(`profile ${name}: a worker runs as many calls at a time as it may, and never more`, async () => {
    await using it = await open();
    const all = names(3 * capacity);
    const peaks = all.map((call) => it.hold(call));
    for (const call of all.slice(0, capacity)) await it.began(call);
    for (const call of all) await it.go(call);
    assert.equal(Math.max(...(await Promise.all(peaks)).map(Number)), capacity);
  });

  Deno.test(`profile ${name}: a call that is told to stop is the only one that stops`, async () => {
    await using it = await open();
    const leaving = new AbortController();
    const all = names(capacity + 1);
    const [first = "", ...others] = all;
    const stopped = it.hold(first, {}, leaving.signal);
    await it.began(first);
    const pid = it.pid();
    const ended = others.map((call) => it.hold(call));
    leaving.abort(new Error("left"));
    await assert.rejects(stopped, /left/);
    for (const call of others) await it.began(call);
    for (const call of others) await it.go(call);
    await Promise.all(ended);
    assert.equal(it.pid(), pid, "the worker was replaced");
  });

  Deno.test(`profile ${name}: a crash fails the calls that have begun, and no other`, async () => {
    await using it = await open();
    const all = names(capacity + 2);
    const ended = all.map((call, i) => it.hold(call, { crash: i === 0 }));
    for (const call of all.slice(0, capacity)) await it.began(call);
    const begun = await it.begun();
    for (const call of all.slice(1)) if (!begun.includes(call)) await it.go(call);
    await it.go("call0");
    const results = await Promise.allSettled(ended);
    const failed = all.filter((_, i) => results[i]?.status === "rejected");
    assert.deepStrictEqual(failed, begun);
    const [crash] = results;
    assert.equal(crash?.status === "rejected" && crash.reason.code, "worker_crashed");
  });
}

/** The settings of a pool that choose its profile. */
export type PoolProfile = ProfileSettings & { readonly profile: ProfileName };

/** Returns the adapter whose tools report when they begin, in the form that the profile runs. */
function adapterOf({ profile }: PoolProfile): string {
  return profile === "async" ? "reports_begin_async" : "reports_begin";
}

/** The launcher of the workers of a pool, and their carrier. */
export interface Start {
  readonly launcher: LauncherName;
  readonly carrier: "socket" | "grpc";
}

/**
 * Registers the tests of the profile that a pool with these settings has, with workers that are
 * started in each of these ways.
 */
export function testProfile(settings: PoolProfile, starts: readonly Start[]): void {
  const profile = profileOf(settings);
  const { capacity } = profile;
  const name = `${settings.profile} of ${capacity}`;
  testWindow(name, profile);
  for (const start of starts) {
    const { launcher, carrier } = start;
    testWorkers(`${name} (${launcher}, ${carrier})`, settings, { capacity, ...start });
  }
}
