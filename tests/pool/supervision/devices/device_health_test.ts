import assert from "node:assert/strict";
import { type DeviceCrash, DeviceHealth, type Trial } from "../../../../src/pool/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { LogSink } from "../../../fixtures/log_sink.ts";
import { microtasks } from "../../../fixtures/until.ts";

const LIMITS: DeviceCrash = { crashWindowMs: 1_000, taintAfter: 3, taintMs: 500 };
const NEVER = new AbortController().signal;

function setUp(): { health: DeviceHealth; clock: FakeClock } {
  const clock = new FakeClock();
  return { health: new DeviceHealth(clock), clock };
}

function crash(health: DeviceHealth, times: number, crash: Partial<DeviceCrash> = {}): void {
  for (let i = 0; i < times; i++) health.crashed("cuda:0", { ...LIMITS, ...crash });
}

/** Waits for a turn, which is undefined until it comes. */
function waiting(
  health: DeviceHealth,
  signal: AbortSignal = NEVER,
): { turn: { readonly trial: Trial | undefined } | undefined } {
  const waiter: { turn: { readonly trial: Trial | undefined } | undefined } = { turn: undefined };
  void health.turn("cuda:0", signal).then((trial) => waiter.turn = { trial });
  return waiter;
}

/** Returns true if the turn has come; assertions about the field itself would narrow its type. */
function hasTurn(waiter: ReturnType<typeof waiting>): boolean {
  return waiter.turn !== undefined;
}

/** Makes the device unhealthy, lets the time pass, and returns the trial of the next worker. */
async function trialOf({ health, clock }: ReturnType<typeof setUp>): Promise<Trial> {
  if (health.healthOf("cuda:0") === "healthy") crash(health, 3);
  const waiter = waiting(health);
  clock.advance(health.pauseMs("cuda:0"));
  await microtasks();
  assert.ok(waiter.turn?.trial !== undefined);
  return waiter.turn.trial;
}

/** Crashes at these times, with these other limits, and whether the device is unhealthy then. */
const SEQUENCES: readonly (readonly [
  what: string,
  crashes: readonly (readonly [at: number, crash?: Partial<DeviceCrash>])[],
  expected: "healthy" | "unhealthy",
])[] = [
  ["as many as are allowed", [[0], [0]], "healthy"],
  ["one more", [[0], [0], [0]], "unhealthy"],
  ["as many, the first just within the window", [[0], [500], [999]], "unhealthy"],
  ["as many, the first just out of the window", [[0], [500], [1_000]], "healthy"],
  [
    "as many, then the window has moved over the last three",
    [[0], [900], [1_800], [1_850]],
    "unhealthy",
  ],
  ["a pool that allows none", [[0, { taintAfter: 1 }]], "unhealthy"],
  ["a pool that never minds", Array(9).fill([0, { taintAfter: 0 }]), "healthy"],
  [
    "a pool that never minds does not count for others",
    [[0, { taintAfter: 0 }], [0], [0]],
    "healthy",
  ],
  ["two pools, one of which allows fewer", [[0], [0, { taintAfter: 2 }]], "unhealthy"],
  ["two pools, one of which looks back further", [[0], [5_000, {
    crashWindowMs: 9_000,
    taintAfter: 2,
  }]], "unhealthy"],
  [
    "different calls",
    [[0, { callId: "a" }], [0, { callId: "b" }], [0, { callId: "c" }]],
    "unhealthy",
  ],
  ["one call again and again", Array(9).fill([0, { callId: "a" }]), "healthy"],
  [
    "one call that runs again among others",
    [[0, { callId: "a" }], [0, { callId: "a" }], [0], [0]],
    "unhealthy",
  ],
];

for (const [what, crashes, expected] of SEQUENCES) {
  Deno.test(`DeviceHealth.crashed() counts crashes within the window: ${what}`, () => {
    const { health, clock } = setUp();
    let now = 0;
    for (const [at, limits] of crashes) {
      clock.advance(at - now);
      now = at;
      crash(health, 1, limits);
    }
    assert.equal(health.healthOf("cuda:0"), expected);
    assert.deepEqual(
      health.unhealthy.map(({ deviceId }) => deviceId),
      expected === "healthy" ? [] : ["cuda:0"],
    );
    assert.equal(health.healthOf("cuda:1"), "healthy");
  });
}

Deno.test("DeviceHealth.crashed() on a MIG instance says nothing about its GPU and the other instances", () => {
  const { health } = setUp();
  for (let i = 0; i < 3; i++) health.crashed("cuda:0:1", LIMITS);
  const ids = ["cuda:0:1", "cuda:0:0", "cuda:0", "cuda:0:10"];
  assert.deepEqual(ids.filter((id) => health.healthOf(id) === "unhealthy"), ["cuda:0:1"]);
});

Deno.test("DeviceHealth tells for how long a device is unhealthy and why", () => {
  const { health, clock } = setUp();
  crash(health, 3);
  clock.advance(100);
  assert.equal(health.pauseMs("cuda:0"), 400);
  assert.deepEqual(health.unhealthy, [{
    deviceId: "cuda:0",
    remainingMs: 400,
    reason: "its workers crashed 3 times within 1000 ms; it is tried again in 400 ms",
  }]);
  clock.advance(400);
  assert.deepEqual(health.unhealthy, [{
    deviceId: "cuda:0",
    remainingMs: 0,
    reason: "its workers crashed 3 times within 1000 ms; it is being tried again",
  }]);
  assert.equal(health.pauseMs("cuda:1"), 0);
});

Deno.test("DeviceHealth.turn() comes at once on a healthy device, and needs no proof", async () => {
  const { health } = setUp();
  assert.equal(await health.turn("cuda:0", NEVER), undefined);
  crash(health, 2);
  assert.equal(await health.turn("cuda:0", NEVER), undefined);
  crash(health, 1);
  assert.equal(await health.turn("cuda:1", NEVER), undefined);
});

Deno.test("DeviceHealth.turn() lets one worker try when the time is up, and all others once it has answered", async () => {
  const { health, clock } = setUp();
  crash(health, 3);
  const waiters = [waiting(health), waiting(health), waiting(health)];
  clock.advance(499);
  await microtasks();
  assert.ok(waiters.every(({ turn }) => turn === undefined));
  clock.advance(1);
  await microtasks();
  assert.deepEqual(waiters.map(({ turn }) => turn !== undefined), [true, false, false]);
  const trial = waiters[0]?.turn?.trial;
  trial?.begin();
  clock.advance(9_999);
  await microtasks();
  assert.equal(health.healthOf("cuda:0"), "unhealthy");
  trial?.prove();
  await microtasks();
  assert.equal(health.healthOf("cuda:0"), "healthy");
  assert.deepEqual(waiters.slice(1).map(({ turn }) => turn), [{ trial: undefined }, {
    trial: undefined,
  }]);
  assert.equal(clock.pending, 0);
});

Deno.test("DeviceHealth.turn() gives the trial at once to a slot that asks after the time is up", async () => {
  const { health, clock } = setUp();
  crash(health, 3);
  clock.advance(10_000);
  assert.ok(await health.turn("cuda:0", NEVER) !== undefined);
  const second = waiting(health);
  await microtasks();
  assert.equal(second.turn, undefined);
});

Deno.test("DeviceHealth counts a worker that runs for 10 s as proof, from when it is ready", async () => {
  const it = setUp();
  const trial = await trialOf(it);
  it.clock.advance(60_000);
  assert.equal(it.health.healthOf("cuda:0"), "unhealthy", "it has not begun");
  trial.begin();
  it.clock.advance(9_999);
  assert.equal(it.health.healthOf("cuda:0"), "unhealthy");
  it.clock.advance(1);
  assert.equal(it.health.healthOf("cuda:0"), "healthy");
});

Deno.test("DeviceHealth.crashed() during a trial ends it at once, and doubles the pause up to five minutes", async () => {
  const it = setUp();
  const pauses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const trial = await trialOf(it);
    trial.begin();
    crash(it.health, 1);
    trial.giveUp();
    pauses.push(it.health.pauseMs("cuda:0"));
  }
  const doubled = Array.from({ length: 9 }, (_, i) => 1_000 * 2 ** i);
  assert.deepEqual(pauses, [...doubled, 300_000, 300_000, 300_000]);
  assert.match(
    it.health.unhealthy[0]?.reason ?? "",
    /^a worker crashed on it when it was tried again; /,
  );
  const trial = await trialOf(it);
  trial.prove();
  crash(it.health, 3);
  assert.equal(it.health.pauseMs("cuda:0"), 500, "the proof has ended the doubling");
});

Deno.test("DeviceHealth.crashed() never pauses for less than the pool asks for", async () => {
  const it = setUp();
  crash(it.health, 3, { taintMs: 400_000 });
  const trial = await trialOf(it);
  crash(it.health, 1, { taintMs: 400_000 });
  assert.equal(it.health.pauseMs("cuda:0"), 400_000);
  trial.prove();
  assert.equal(it.health.healthOf("cuda:0"), "unhealthy", "the crash has decided the trial");
});

Deno.test("DeviceHealth.crashed() by workers that were alive before does not prolong the pause", () => {
  const { health, clock } = setUp();
  crash(health, 3);
  clock.advance(100);
  crash(health, 5);
  assert.equal(health.pauseMs("cuda:0"), 400);
});

Deno.test("DeviceHealth ignores in a trial the call that has crashed a worker before", async () => {
  const it = setUp();
  for (const callId of ["a", "b", "poison"]) crash(it.health, 1, { callId });
  const trial = await trialOf(it);
  trial.begin();
  crash(it.health, 1, { callId: "poison" });
  assert.equal(it.health.pauseMs("cuda:0"), 0);
  const next = waiting(it.health);
  trial.giveUp();
  await microtasks();
  assert.ok(next.turn?.trial !== undefined, "another worker tries it");
});

Deno.test("DeviceHealth lets the slots that wait try in turn while trials are given up", async () => {
  const it = setUp();
  crash(it.health, 3);
  const [first, second, third] = [waiting(it.health), waiting(it.health), waiting(it.health)];
  it.clock.advance(500);
  await microtasks();
  first.turn?.trial?.giveUp();
  const again = waiting(it.health);
  await microtasks();
  assert.ok(second.turn?.trial !== undefined);
  second.turn.trial.giveUp();
  await microtasks();
  assert.ok(third.turn?.trial !== undefined);
  assert.ok(!hasTurn(again));
  second.turn.trial.prove();
  assert.equal(it.health.healthOf("cuda:0"), "unhealthy", "it is not its turn any more");
  third.turn.trial.giveUp();
  await microtasks();
  assert.ok(again.turn?.trial !== undefined);
});

Deno.test("DeviceHealth.turn() forgets a slot that leaves, and its timer", async () => {
  const { health, clock } = setUp();
  crash(health, 3);
  const leaving = new AbortController();
  const left = waiting(health, leaving.signal);
  assert.equal(clock.pending, 1);
  leaving.abort();
  await microtasks();
  assert.deepEqual(left.turn, { trial: undefined });
  assert.equal(clock.pending, 0);
  const stays = waiting(health);
  const abortedBefore = waiting(health, AbortSignal.abort());
  clock.advance(500);
  await microtasks();
  assert.ok(stays.turn?.trial !== undefined);
  assert.deepEqual(abortedBefore.turn, { trial: undefined });
});

Deno.test("DeviceHealth.turn() gives no trial to a slot that leaves at the same moment", async () => {
  const host = setUp();
  const trial = await trialOf(host);
  const leaving = new AbortController();
  const left = waiting(host.health, leaving.signal);
  const next = waiting(host.health);
  leaving.abort();
  trial.giveUp();
  await microtasks();
  assert.equal(left.turn?.trial, undefined);
  assert.ok(hasTurn(left) && hasTurn(next));
  assert.notEqual(next.turn?.trial, undefined);
});

Deno.test("DeviceHealth.clear() makes devices healthy, frees all who wait, and forgets crashes", async () => {
  const it = setUp();
  const trial = await trialOf(it);
  const waiter = waiting(it.health);
  it.health.clear(["cuda:1", "cuda:0"]);
  await microtasks();
  assert.deepEqual(waiter.turn, { trial: undefined });
  assert.equal(it.health.healthOf("cuda:0"), "healthy");
  crash(it.health, 2);
  trial.giveUp();
  it.health.clear(["cuda:0"]);
  crash(it.health, 2);
  assert.equal(it.health.healthOf("cuda:0"), "healthy");
});

Deno.test("DeviceHealth.when() waits until a device has a health, or its signal aborts", async () => {
  const it = setUp();
  await it.health.when("cuda:0", "healthy", NEVER);
  const breaks = it.health.when("cuda:0", "unhealthy", NEVER);
  const trial = await trialOf(it);
  await breaks;
  const leaving = new AbortController();
  const seen: string[] = [];
  const waits = it.health.when("cuda:0", "healthy", NEVER).then(() => seen.push("healthy"));
  const left = it.health.when("cuda:0", "healthy", leaving.signal).then(() => seen.push("left"));
  leaving.abort(new Error("left"));
  await left;
  assert.deepEqual(seen, ["left"]);
  trial.prove();
  await waits;
  assert.deepEqual(seen, ["left", "healthy"]);
});

Deno.test("DeviceHealth.onChange() listens until its function is called", async () => {
  const it = setUp();
  const seen: string[] = [];
  const stop = it.health.onChange(() => void seen.push(it.health.healthOf("cuda:0")));
  crash(it.health, 3);
  assert.deepEqual(seen, ["unhealthy"]);
  const trial = await trialOf(it);
  assert.deepEqual(seen, ["unhealthy", "unhealthy"]);
  stop();
  trial.prove();
  assert.deepEqual(seen, ["unhealthy", "unhealthy"]);
});

Deno.test("DeviceHealth logs once that a device is unhealthy, and once that it is healthy again", async () => {
  await using log = new LogSink();
  const it = setUp();
  crash(it.health, 5);
  (await trialOf(it)).prove();
  const lines = (await log.text()).split("\n").filter((line) => line.includes("cuda:0"));
  assert.equal(lines.length, 2);
  assert.match(
    lines[0] ?? "",
    /WARN.*cuda:0 is unhealthy: its workers crashed 3 times within 1000 ms; nothing is started on it for 500 ms/i,
  );
  assert.match(lines[1] ?? "", /INF.*cuda:0 is healthy again: a worker has answered a call on it/i);
});
