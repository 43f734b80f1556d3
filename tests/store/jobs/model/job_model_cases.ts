import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobRow } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, START } from "../job_kit.ts";
import { checkClaim, ModelRates } from "./check_claim.ts";
import { JobModel } from "./job_model.ts";
import { isEnded, type ModelJob } from "./model_job.ts";
import { DECLARED, HASHES, OPERATION, type Operation, POOLS } from "./operations.ts";

/** The seed of all choices; a random one if it is absent, which a failure names. */
const SEED = Deno.env.get("SNAKEDEN_TEST_SEED");

/** Registers the test that drives a driver and {@link JobModel} with the same operations. */
export function testJobModel(driver: JobDriver, { runs }: { readonly runs: number }): void {
  Deno.test(`${driver.name}: any operations do what they do to a plain list of jobs`, async () => {
    const sequences = fc.array(OPERATION, { minLength: 1, maxLength: 60, size: "max" });
    await fc.assert(
      fc.asyncProperty(sequences, async (operations) => {
        await using kit = await JobKit.open(driver);
        await kit.store.declareQueues(DECLARED);
        const run = new ModelRun(kit);
        for (const operation of operations) await run.step(operation);
        await run.checkEvents();
      }),
      { numRuns: runs, ...(SEED !== undefined && { seed: Number(SEED) }) },
    );
  });
}

/** A store and its model, side by side. */
class ModelRun {
  readonly #kit: JobKit;
  readonly #model = new JobModel(START);
  readonly #rates = new ModelRates(this.#model);
  readonly #tokens: string[] = [];
  /** All ids that were submitted, in order. */
  readonly #ids: string[] = [];
  /** The number of jobs that have expired since the last sweep, which reports them. */
  #expired = 0;
  /** The blobs that are results. */
  #named: ReadonlySet<string> = new Set();
  /** The blobs that have lost their last name since the last sweep. */
  readonly #unused = new Set<string>();

  constructor(kit: JobKit) {
    this.#kit = kit;
    for (const { name, concurrency, fairBy } of DECLARED) {
      const isFair = fairBy !== undefined;
      this.#model.queues.set(name, { paused: false, concurrency, isFair });
    }
  }

  /** Does an operation to both, and compares the answers and all that is in them. */
  async step(operation: Operation): Promise<void> {
    await this.#do(operation);
    const rows = await this.#rows();
    this.#follow(rows);
    const expected = this.#model.jobs.toSorted((a, b) => b.seq - a.seq).map(rowOfModel);
    assert.deepEqual(rows.map((it) => comparable(it)), expected);
    const counts = Map.groupBy(rows, ({ queue, state }) => `${queue} ${state}`);
    assert.deepEqual(
      new Map((await this.#kit.store.counts()).map((it) => [`${it.queue} ${it.state}`, it.count])),
      new Map([...counts].map(([key, { length }]) => [key, length])),
    );
    this.#followBlobs();
    assert.deepEqual(
      await this.#kit.store.areNamed(HASHES),
      HASHES.map((it) => this.#named.has(it)),
    );
    const holders = Map.groupBy(this.#model.running(), ({ holder = "" }) => holder);
    assert.deepEqual(
      await this.#kit.store.holders(),
      [...holders].map(([holder, { length }]) => ({ holder, jobs: length })).sort((a, b) =>
        a.holder < b.holder ? -1 : 1
      ),
    );
  }

  /** Compares the attempts, the events and the bodies of all jobs. */
  async checkEvents(): Promise<void> {
    for (const job of this.#model.jobs) {
      assert.deepEqual(await this.#kit.attemptsOf(job.id), job.attempts);
      assert.deepEqual(await this.#kit.store.args(job.id), job.given.args);
      const result = await this.#kit.store.result(job.id);
      const isBytes = result instanceof Uint8Array;
      assert.ok(result === undefined || !("outputs" in result));
      assert.equal(isBytes ? result.byteLength : result?.bytes, job.resultBytes);
      assert.equal(isBytes ? undefined : result?.sha256, job.blob);
      if (!isEnded(job)) continue;
      const events = await this.#kit.eventsOf(job.id);
      assert.deepEqual(
        events.filter(({ kind }) => kind !== "reset").map((it) =>
          it.kind === "chunk"
            ? { kind: "chunk", body: [...it.body] }
            : { kind: "end", ...("state" in it && { state: it.state }) }
        ),
        job.events,
      );
    }
  }

  async #do(operation: Operation): Promise<void> {
    const { store, clock } = this.#kit;
    const model = this.#model;
    switch (operation.do) {
      case "submit": {
        await this.#settle();
        const jobs = operation.jobs.map((fields, i) =>
          newJob({ id: `j${this.#ids.length + i}`, ...fields, args: new Uint8Array(i) })
        );
        this.#ids.push(...jobs.map(({ id }) => id));
        if (jobs.some((it) => model.isRefused(it))) {
          await assert.rejects(store.submit(jobs), { code: "queue_draining" });
          return;
        }
        const answers = await store.submit(jobs);
        const expected = jobs.map((job) => model.submit(job));
        return assert.deepEqual(answers.map(({ answer, id }) => ({ answer, id })), expected);
      }
      case "claim": {
        const pools = POOLS.map((pool, i) => ({ pool, slots: operation.slots[i] ?? 0 }));
        const { holder, leaseMs } = operation;
        const claims = await store.claim({ pools, holder, leaseMs, waitMs: 0 });
        this.#tokens.push(...claims.map(({ token }) => token));
        model.promote();
        return checkClaim(model, this.#rates, { pools, holder, leaseMs, claims });
      }
      case "extend": {
        const { leaseMs, worker, progress } = operation;
        const token = this.#token(operation.claim);
        const chunks = operation.chunks.map((length) => new Uint8Array(length).fill(length));
        const news = {
          leaseMs,
          chunks,
          ...(worker !== undefined && { worker }),
          ...(progress !== undefined && { progress }),
        };
        const [answer] = await store.extend([{ token, ...news }]);
        return assert.equal(answer, model.extend(token, news));
      }
      case "finish": {
        const { outcome, times } = operation;
        const token = this.#token(operation.claim);
        const ends = Array.from({ length: times }, () => ({ token, outcome }));
        const answers = await store.finish(ends);
        return assert.deepEqual(answers, ends.map(() => model.finish(token, outcome)));
      }
      case "cancel":
      case "retry": {
        await this.#settle();
        const ids = operation.jobs.map((it) => this.#ids[it % this.#ids.length] ?? "none");
        const isCancel = operation.do === "cancel";
        const { answers } = isCancel
          ? await store.cancel({ ids }, { reason: "some" })
          : await store.retry({ ids });
        const expected = ids.map((id) => isCancel ? model.cancel(id, "some") : model.retry(id));
        return assert.deepEqual(answers, ids.map((id, i) => ({ id, answer: expected[i] })));
      }
      case "cancel all":
      case "retry all": {
        await this.#settle();
        const filter = { queues: [operation.queue] };
        const isCancel = operation.do === "cancel all";
        const { answers, next } = isCancel
          ? await store.cancel({ filter })
          : await store.retry({ filter });
        assert.equal(next, undefined);
        const chosen = model.jobs.filter((job) =>
          job.queue === operation.queue &&
          (isCancel
            ? !isEnded(job)
            : job.state !== "running" && job.state !== "available" && !model.isShut(job))
        );
        // The last submitted one first, which brings its limits.
        const expected = new Map(
          chosen.toReversed().map((job) => [
            job.id,
            isCancel ? model.cancel(job.id, "") : model.retry(job.id),
          ]),
        );
        const found: readonly { readonly id: string; readonly answer: string }[] = answers;
        return assert.deepEqual(new Map(found.map(({ id, answer }) => [id, answer])), expected);
      }
      case "sweep":
        return await this.#sweep();
      case "abandon": {
        const jobs = model.running().filter(({ holder }) => holder === operation.holder);
        const { lost } = await store.abandon(operation.holder);
        assert.equal(lost, jobs.length);
        return jobs.forEach((it) => model.lose(it));
      }
      case "advance":
        clock.advance(operation.ms);
        model.now += operation.ms;
        return;
      case "drain": {
        const { queue: name, draining } = operation;
        const queue = model.queues.get(name);
        assert.ok(queue);
        queue.draining = draining;
        assert.equal((await store.patchQueue(name, { draining }))?.draining, draining);
        return;
      }
      case "pause":
      case "limit": {
        const queue = model.queues.get(operation.queue);
        assert.ok(queue);
        const declared = DECLARED.find(({ name }) => name === operation.queue)?.concurrency;
        if (operation.do === "pause") queue.paused = operation.paused;
        else queue.concurrency = operation.concurrency ?? declared;
        const { do: _, queue: name, ...patch } = operation;
        const row = await store.patchQueue(name, patch);
        return assert.deepEqual([row?.paused, row?.concurrency], [queue.paused, queue.concurrency]);
      }
      case "reopen":
        // What was to be reported is forgotten with the store that has seen it.
        if (this.#kit.isDurable) this.#expired = 0;
        if (this.#kit.isDurable) this.#unused.clear();
        return await this.#kit.reopen();
    }
  }

  /**
   * Sweeps if a job is due or has expired. Drivers may differ in the moment at which they see that,
   * and answers that depend on it could not be compared.
   */
  async #settle(): Promise<void> {
    const { now } = this.#model;
    const isDue = ({ state, runAt }: ModelJob): boolean =>
      (state === "scheduled" || state === "retryable") && runAt <= now;
    const { jobs } = this.#model;
    if (jobs.some((it) => isDue(it) || this.#model.isExpired(it))) await this.#sweep();
  }

  async #sweep(): Promise<void> {
    const { ended, lost, removed, unusedBlobs } = await this.#kit.sweep();
    const model = this.#model;
    const before = model.jobs.filter((it) => !isEnded(it));
    const claims = model.running().filter(({ leaseUntil = 0 }) => leaseUntil <= model.now);
    const size = model.jobs.length;
    model.sweep();
    assert.deepEqual([ended, lost, removed], [
      this.#expired + before.filter(isEnded).length,
      claims.length,
      size - model.jobs.length,
    ]);
    this.#expired = 0;
    this.#followBlobs();
    assert.deepEqual(unusedBlobs, [...this.#unused].sort());
    this.#unused.clear();
  }

  /** Notes which blobs have lost their last name. */
  #followBlobs(): void {
    const named = new Set(this.#model.jobs.flatMap(({ blob = [] }) => blob));
    for (const it of this.#named) if (!named.has(it)) this.#unused.add(it);
    for (const it of named) this.#unused.delete(it);
    this.#named = named;
  }

  async #rows(): Promise<readonly JobRow[]> {
    return (await this.#kit.store.list({}, { limit: 1_000 })).items;
  }

  /**
   * Follows the two changes that a store may make whenever it meets a job: it may make one
   * available whose time has come, and end one that has expired.
   */
  #follow(rows: readonly JobRow[]): void {
    const model = this.#model;
    const byTime = rows.toSorted((a, b) => a.runAt - b.runAt || a.seq - b.seq);
    for (const row of byTime) {
      const job = model.get(row.id);
      if (job === undefined || row.state === job.state) continue;
      const isDue = job.state === "scheduled" || job.state === "retryable";
      if (isDue && row.state === "available" && job.runAt <= model.now) model.makeAvailable(job);
      if (row.state !== "discarded" || !model.isExpired(job)) continue;
      model.expire(job);
      this.#expired++;
    }
  }

  #token(index: number): string {
    // The last ones, most of which still run.
    return this.#tokens.at(-1 - index % Math.max(1, this.#tokens.length)) ?? "none";
  }
}

/** Returns a row with the code of the error alone. */
function comparable({ error, ...row }: JobRow): object {
  return { ...row, ...(error && { error: error.code }) };
}

function rowOfModel(job: ModelJob): object {
  const {
    given: _,
    blob: _b,
    held: _h,
    token: _t,
    lastEnd: _l,
    attempts: _a,
    events: _e,
    rank: _r,
    ...row
  } = job;
  const fields = Object.entries({ ...row, error: row.error?.code });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}
