import assert from "node:assert/strict";
import {
  type Change,
  ChangeLogs,
  type WatchedPosition,
  type WatchEvent,
} from "../../src/store/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { nextTurn } from "../fixtures/until.ts";

interface SetUp {
  readonly clock: FakeClock;
  readonly session: { expiresAt: number };
  readonly logs: ChangeLogs;
  /** The types of the events of all watchers. */
  readonly types: readonly string[];
  readonly watch: (signal: AbortSignal) => Promise<void>;
}

/** The logs of one session, which lives for 1,000 ms from the start of the clock. */
function setUp(): SetUp {
  const clock = new FakeClock();
  const now = (): number => clock.now();
  const session = { life: "life", seq: 0, expiresAt: clock.now() + 1_000 };
  const logs = new ChangeLogs({ now, timer: clock });
  const at = (): Promise<WatchedPosition | undefined> =>
    Promise.resolve(now() < session.expiresAt ? { ...session } : undefined);
  const types: string[] = [];
  const watch = async (signal: AbortSignal): Promise<void> => {
    for await (const { type } of logs.watch({ ...session }, at, signal)) types.push(type);
  };
  return { clock, session, logs, types, watch };
}

Deno.test("ChangeLogs.watch() ends when the session expires, which a touch puts off", async () => {
  const { clock, session, logs, types, watch } = setUp();
  const watching = watch(new AbortController().signal);
  await nextTurn();
  assert.equal(clock.pending, 1);
  clock.advance(999);
  session.expiresAt += 500;
  clock.advance(500);
  await nextTurn();
  assert.deepEqual([types, clock.pending], [[], 1]);
  logs.publish("life", [{ seq: 1, name: "v", kind: "set" }]);
  clock.advance(1);
  await watching;
  assert.deepEqual([types, clock.pending], [["changes", "ended"], 0]);
});

Deno.test("ChangeLogs.watch() leaves no timer, and sets none that is too long for a host", async () => {
  const { clock, session, logs, types, watch } = setUp();
  session.expiresAt += 2 ** 40;
  const left = new AbortController();
  const watching = [watch(left.signal), watch(new AbortController().signal)];
  await nextTurn();
  assert.equal(clock.pending, 2);
  clock.advance(86_400_000);
  await nextTurn();
  assert.deepEqual([types, clock.pending], [[], 2]);
  left.abort(new Error("enough"));
  await assert.rejects(watching[0] ?? Promise.resolve(), /enough/);
  assert.equal(clock.pending, 1);
  logs.close();
  await assert.rejects(watching[1] ?? Promise.resolve(), { code: "shutting_down" });
  assert.equal(clock.pending, 0);
});

Deno.test("ChangeLogs forgets what it kept for a watcher once that has left", async () => {
  const clock = new FakeClock();
  const logs = new ChangeLogs({ now: () => clock.now(), timer: clock });
  const life = "life";
  let seq = 0;
  const first = async (from: number): Promise<WatchEvent | undefined> => {
    const { signal } = new AbortController();
    const at = (): Promise<WatchedPosition> => Promise.resolve({ life, seq, expiresAt: Infinity });
    for await (const event of logs.watch({ life, seq: from }, at, signal)) return event;
    return undefined;
  };
  const publish = (): void => {
    const changes = Array.from({ length: 5_000 }, (): Change => {
      return { seq: ++seq, name: "v", kind: "set" };
    });
    logs.publish(life, changes);
  };
  const watching = first(0);
  await Promise.resolve();
  await Promise.resolve();
  publish();
  const event = await watching;
  assert.equal(event?.type === "changes" && event.changes.length, 5_000);
  assert.equal((await first(1))?.type, "reset");
});
