/** Tests the times of jobs on a host whose clock jumps. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Clock } from "../../src/async/mod.ts";
import { openSqliteJobs, type SqliteJobs } from "../../src/sqlite/mod.ts";
import type { Claim, JobStore } from "../../src/store/mod.ts";
import { tempDir } from "../fixtures/host.ts";
import { COMPLETED, KEPT_MS, LIMITS, newJob, START } from "../store/jobs/job_kit.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A clock that a test sets, also back. */
class Wall implements Clock {
  time = START;

  now(): number {
    return this.time;
  }

  after(): () => void {
    return () => {};
  }
}

/** A store that is opened again with each jump. */
class Place implements AsyncDisposable {
  readonly wall = new Wall();
  readonly #path: string;
  store: SqliteJobs;

  private constructor(path: string, store: SqliteJobs, wall: Wall) {
    this.#path = path;
    this.store = store;
    this.wall = wall;
  }

  static async open(path: string): Promise<Place> {
    const wall = new Wall();
    return new Place(path, await openSqliteJobs({ path, limits: LIMITS, clock: wall }), wall);
  }

  async jump(byMs: number): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    this.wall.time += byMs;
    this.store = await openSqliteJobs({ path: this.#path, limits: LIMITS, clock: this.wall });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

function take(store: JobStore, leaseMs = 15_000): Promise<readonly Claim[]> {
  return store.claim({ pools: [{ pool: "main", slots: 9 }], holder: "h", leaseMs, waitMs: 0 });
}

async function idsOf(claims: Promise<readonly Claim[]>): Promise<string[]> {
  return (await claims).map(({ job }) => job.id);
}

Deno.test("jobs keep their delays and leases when the clock has been set a day back", async () => {
  await using folder = await tempDir();
  await using place = await Place.open(join(folder.path, "jobs.sqlite"));
  const { wall } = place;
  await place.store.submit([newJob({ id: "runs" })]);
  const [runs] = await take(place.store);
  await place.store.submit([newJob({ id: "late", start: { inMs: 1_000 } })]);
  await place.jump(-DAY);
  wall.time += 999;
  assert.deepEqual(await idsOf(take(place.store)), []);
  wall.time += 1;
  assert.deepEqual(await idsOf(take(place.store)), ["late"]);
  wall.time += 13_999;
  assert.equal((await place.store.sweep()).lost, 0);
  const token = runs?.token ?? "";
  assert.deepEqual(await place.store.finish([{ token, outcome: COMPLETED }]), [
    { answer: "done", state: "completed" },
  ]);
  wall.time += 1_001;
  assert.equal((await place.store.sweep()).lost, 1);
  const { createdAt = 0, startedAt = 0, finishedAt = 0 } = await place.store.get("runs") ?? {};
  assert.ok(createdAt <= startedAt && startedAt <= finishedAt);
});

Deno.test("jobs of a time start then, also after the clock has been a day ahead", async () => {
  await using folder = await tempDir();
  await using place = await Place.open(join(folder.path, "jobs.sqlite"));
  const { wall } = place;
  await place.jump(DAY);
  await place.store.submit([newJob({ id: "ahead" })]);
  assert.deepEqual(await idsOf(take(place.store)), ["ahead"]);
  await place.jump(-DAY);
  const at = wall.time + HOUR;
  const [answer] = await place.store.submit([newJob({ id: "hour", start: { at } })]);
  assert.equal(answer?.answer === "created" && answer.state, "scheduled");
  assert.equal(
    (await place.store.get("hour"))?.runAt,
    answer?.answer === "created" && answer.runAt,
  );
  wall.time += HOUR - 1;
  assert.deepEqual(await idsOf(take(place.store)), []);
  wall.time += 1;
  assert.deepEqual(await idsOf(take(place.store)), ["hour"]);
});

Deno.test("a lease that has ended while the clock was set a day ahead is lost, and its job runs again", async () => {
  await using folder = await tempDir();
  await using place = await Place.open(join(folder.path, "jobs.sqlite"));
  await place.store.submit([newJob({ id: "runs", start: { inMs: HOUR } })]);
  await place.jump(DAY);
  const [claim] = await take(place.store);
  await place.jump(DAY);
  assert.equal((await place.store.sweep()).lost, 1);
  assert.deepEqual(await idsOf(take(place.store)), ["runs"]);
  const end = { token: claim?.token ?? "", outcome: COMPLETED };
  assert.deepEqual(await place.store.finish([end]), [{ answer: "lost" }]);
  assert.equal((await place.store.get("runs"))?.attempt, 2);
});

for (const byMs of [DAY, -DAY]) {
  const side = byMs > 0 ? "ahead" : "back";
  Deno.test(`a clock that is set a day ${side} while the store is open moves no job`, async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "jobs.sqlite");
    await using store = await openSqliteJobs({ path, limits: LIMITS });
    await store.submit([newJob({ id: "runs" })]);
    const [claim] = await take(store, KEPT_MS);
    const { now } = Date;
    try {
      Date.now = () => now() + byMs;
      const [first, second] = await store.submit([
        newJob({ start: { at: Date.now() + HOUR } }),
        newJob({ start: { inMs: HOUR } }),
      ]);
      assert.ok(first?.answer === "created" && second?.answer === "created");
      assert.deepEqual([first.state, second.state], ["scheduled", "scheduled"]);
      // The clock goes on between the two.
      assert.ok(Math.abs(first.runAt - second.runAt) < 60_000);
      assert.equal((await store.sweep()).lost, 0);
      assert.deepEqual(await store.extend([{ token: claim?.token ?? "", leaseMs: HOUR }]), [
        "held",
      ]);
    } finally {
      Date.now = now;
    }
  });
}
