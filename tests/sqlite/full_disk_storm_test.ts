/** Tests that a store whose disk is full now and then keeps what it has promised. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteJobs, type SqliteJobs } from "../../src/sqlite/mod.ts";
import { type Claim, isFinal, type NewJob, type SubmitAnswer } from "../../src/store/mod.ts";
import { tempDir } from "../fixtures/host.ts";
import { COMPLETED, ERROR, LIMITS, newJob } from "../store/jobs/job_kit.ts";
import { random } from "../store/jobs/random.ts";

const ROUNDS = 400;
const KEYS = 3;
const LIMIT = 2;

/** Drives a store whose disk is full now and then, and notes what it has acknowledged. */
class Storm {
  readonly acked = new Set<string>();
  readonly completed = new Set<string>();
  failures = 0;
  readonly #store: SqliteJobs;
  readonly #below: (limit: number) => number;
  readonly #held = new Map<string, Claim>();

  constructor(store: SqliteJobs, seed: number) {
    this.#store = store;
    this.#below = random(seed);
  }

  async run(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const steps: Promise<unknown>[] = [];
      if (this.#below(4) === 0) steps.push(this.#store.setMaxPages(1));
      for (let i = this.#below(6); i >= 0; i--) steps.push(this.#step());
      if (this.#below(2) === 0) steps.push(this.#store.setMaxPages(undefined));
      await Promise.all(steps);
    }
    await this.#store.setMaxPages(undefined);
  }

  /** Ends what is left. */
  async drain(): Promise<void> {
    for (const held of this.#held.values()) await this.#finish(held, 0);
    let idle = 0;
    while (idle < 3) {
      const claims = await this.#claim();
      for (const claim of claims) await this.#finish(claim, 0);
      await this.#store.sweep();
      idle = claims.length === 0 ? idle + 1 : 0;
    }
  }

  async #step(): Promise<void> {
    const kind = this.#below(10);
    try {
      if (kind < 4) await this.#submit();
      else if (kind < 6) await this.#claim();
      else if (kind < 8) await this.#finishOne();
      else if (kind < 9) await this.#change();
      else await this.#store.sweep();
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      assert.equal(code, "store_failed", message);
      assert.match(message, /full/);
      this.failures++;
    }
  }

  #job(): NewJob {
    const key = `key-${this.#below(KEYS)}`;
    const kind = this.#below(4);
    return newJob({
      args: new Uint8Array(this.#below(3) * 2_000),
      tags: [`tag-${this.#below(3)}`],
      ...(kind === 0 ? { concurrency: { key, limit: LIMIT } } : {}),
      ...(kind === 1 ? { unique: { key, mode: "drop" } } : {}),
      ...(kind === 2
        ? { idempotency: { key: String(this.#below(50)), hash: "h", ttlMs: 1e9 } }
        : {}),
    });
  }

  async #submit(): Promise<void> {
    const answers: readonly SubmitAnswer[] = await this.#store.submit(
      Array.from({ length: 1 + this.#below(5) }, () => this.#job()),
    );
    for (const { id } of answers) this.acked.add(id);
  }

  async #claim(): Promise<readonly Claim[]> {
    const pools = [{ pool: "main", slots: 1 + this.#below(5) }];
    const claims = await this.#store.claim({ pools, holder: "h", leaseMs: 1e8, waitMs: 0 });
    for (const claim of claims) {
      assert.ok(!this.completed.has(claim.job.id), `${claim.job.id} runs again`);
      assert.ok(!this.#held.has(claim.job.id), `${claim.job.id} runs twice`);
      this.#held.set(claim.job.id, claim);
    }
    const keys = Map.groupBy(this.#held.values(), ({ job }) => job.concurrencyKey);
    for (const [key, held] of keys) {
      assert.ok(key === undefined || held.length <= LIMIT, String(key));
    }
    return claims;
  }

  async #finishOne(): Promise<void> {
    const [claim] = this.#held.values().drop(this.#below(this.#held.size || 1));
    if (claim !== undefined) await this.#finish(claim, this.#below(3));
  }

  async #finish(claim: Claim, kind: number): Promise<void> {
    const { token, job: { id } } = claim;
    const outcome = kind < 2 ? COMPLETED : { type: "failed", error: ERROR, retryInMs: 0 } as const;
    this.#held.delete(id);
    try {
      const [answer] = await this.#store.finish([{ token, outcome }]);
      assert.equal(answer?.answer, "done", id);
      if (kind < 2) this.completed.add(id);
    } catch (error) {
      this.#held.set(id, claim);
      throw error;
    }
  }

  async #change(): Promise<void> {
    const filter = { tags: [`tag-${this.#below(3)}`], states: ["available"] as const };
    if (this.#below(5) === 0) await this.#store.cancel({ filter });
    else await this.#store.patchQueue("default", { paused: false });
  }
}

Deno.test("a disk that is full now and then loses no acknowledged job, and no count or limit drifts", async () => {
  await using folder = await tempDir();
  const path = join(folder.path, "jobs.sqlite");
  const store = await openSqliteJobs({ path, limits: LIMITS });
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const storm = new Storm(store, seed);
  await storm.run();
  await storm.drain();
  assert.ok(storm.failures > 0);
  const full = new Map<string, number>();
  let after: string | undefined;
  const listed = new Set<string>();
  do {
    const page = await store.list({}, { limit: 500, ...(after === undefined ? {} : { after }) });
    for (const { id, state } of page.items) {
      listed.add(id);
      full.set(state, (full.get(state) ?? 0) + 1);
    }
    after = page.next;
  } while (after !== undefined);
  for (const id of storm.acked) assert.ok(listed.has(id), `${id} is lost`);
  const counts = new Map((await store.counts()).map(({ state, count }) => [state, count]));
  assert.deepEqual(counts, full);
  assert.ok(counts.keys().every(isFinal));
  await store[Symbol.asyncDispose]();
  const database = new DatabaseSync(path);
  for (const table of ["running", "unique_key", "limit_key"]) {
    assert.deepEqual(database.prepare(`select * from ${table}`).all(), [], table);
  }
  database.close();
});
