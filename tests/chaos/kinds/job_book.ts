import assert from "node:assert/strict";
import type { Job, Snakeden } from "../../../mod.ts";
import { JOB_STATES } from "../../../src/store/mod.ts";
import { until } from "../../fixtures/until.ts";
import type { Random } from "../random.ts";

/** The time that the last jobs have to end. */
const END_MS = 60_000;
/** Codes of errors that tell of a fault of the host, and not of what was done to a job. */
const FAULTS = ["host_lost", "internal", "store_failed", "shutting_down", "pool_saturated"];
/** The tag of jobs whose time does not come. */
export const LATER = "later";

/** The jobs whose submission was acknowledged. */
export class JobBook {
  readonly #den: Snakeden;
  readonly #ids: string[] = [];
  /** Those that {@link pick} may return. */
  readonly #shared: string[] = [];
  readonly #known = new Set<string>();
  /** Jobs that somebody has asked to run again. */
  readonly #retried = new Set<string>();
  /** Jobs that are removed soon after their end. */
  readonly #short = new Set<string>();

  constructor(den: Snakeden) {
    this.#den = den;
  }

  /** Notes an acknowledged job. Others do not touch one that is alone. */
  add(
    id: string,
    { isShort = false, isAlone = false }: {
      readonly isShort?: boolean;
      readonly isAlone?: boolean;
    } = {},
  ): void {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.#ids.push(id);
    if (!isAlone) this.#shared.push(id);
    if (isShort) this.#short.add(id);
  }

  /** Notes that a job may run again, before that is asked for. */
  willRetry(id: string): void {
    this.#retried.add(id);
  }

  /** Returns one of the last jobs; undefined before the first. */
  pick(random: Random): string | undefined {
    return random.pick(this.#shared.slice(-200));
  }

  /** Checks what holds when nobody submits, retries or cancels any more. */
  async settle(ledger: string): Promise<Record<string, number>> {
    await this.#explainLater();
    for (const { name } of await this.#den.queues.list()) await this.#den.queues.resume(name);
    let open: readonly Job[] = [];
    await until(
      async () => {
        const choice = { state: ["available", "scheduled", "running", "retryable"] } as const;
        open = (await this.#den.jobs.list(choice)).items;
        return open.length === 0;
      },
      "every job to end",
      { timeoutMs: END_MS },
    ).catch(async (cause) => {
      const job = await this.#den.jobs.get(open[0]?.id ?? "");
      throw new Error(`Never ended: ${JSON.stringify(job)}`, { cause });
    });
    const counts = await this.#fullCount();
    const { starts, overlaps } = await readLedger(ledger);
    assert.deepEqual(overlaps, [], "runs overlap that must not");
    const ends: Record<string, number> = {};
    for (const id of this.#ids) {
      const job = await this.#den.jobs.get(id).catch(() => undefined);
      if (job === undefined) {
        assert.ok(this.#short.has(id), `the job ${id} is lost`);
        continue;
      }
      assert.ok(job.done);
      this.#checkAttempts(job, starts.get(id) ?? 0);
      const end = `${job.tool ?? job.script}: ${job.state} ${job.error?.code ?? ""}`;
      ends[end] = (ends[end] ?? 0) + 1;
    }
    return { ...counts, ...ends };
  }

  /** Checks that each job whose time has not come says so, and cancels them. */
  async #explainLater(): Promise<void> {
    const later = { tag: LATER, state: "scheduled" } as const;
    for (const { id } of (await this.#den.jobs.list(later)).items) {
      assert.equal((await this.#den.jobs.get(id)).waitingFor?.reason, "time");
    }
    const { count } = await this.#den.jobs.cancelMany(later);
    assert.equal((await this.#den.jobs.list(later)).items.length, 0, `${count} were cancelled`);
  }

  /** Compares the counters with a count of all jobs. */
  async #fullCount(): Promise<Record<string, number>> {
    const all: Record<string, number> = {};
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.#den.jobs.list({}, {
        limit: 1_000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { id, queue, state } of page.items) {
        assert.ok(!seen.has(id), `${id} is listed twice`);
        seen.add(id);
        all[`${queue} ${state}`] = (all[`${queue} ${state}`] ?? 0) + 1;
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    const counted: Record<string, number> = {};
    for (const { name, counts } of await this.#den.queues.list()) {
      for (const state of JOB_STATES) {
        if (counts[state] !== 0) counted[`${name} ${state}`] = counts[state];
      }
    }
    // Jobs with a short retention are removed meanwhile.
    for (const [key, count] of Object.entries(all)) {
      if (!key.startsWith("short ")) assert.equal(counted[key], count, key);
    }
    return counted;
  }

  #checkAttempts(job: Job, starts: number): void {
    const { id, attempt, attempts = [], state, maxAttempts } = job;
    const text = JSON.stringify(job);
    let expected = 1;
    let wasCompleted = false;
    for (const it of attempts) {
      assert.equal(it.attempt, expected, text);
      assert.ok(!wasCompleted || this.#retried.has(id), `it ran after it had completed: ${text}`);
      assert.ok(!FAULTS.includes(it.error?.code ?? ""), text);
      if (it.outcome !== "returned") expected++;
      wasCompleted = it.outcome === "completed";
    }
    assert.equal(attempt, expected - 1, text);
    assert.equal(state === "completed", wasCompleted, text);
    assert.ok(!FAULTS.includes(job.error?.code ?? ""), text);
    assert.ok(starts <= attempts.length, `it has started ${starts} times: ${text}`);
    if (!this.#retried.has(id)) assert.ok(attempt <= maxAttempts, text);
    if (state === "completed") assert.ok(starts > 0, `it has never run: ${text}`);
  }
}

async function readLedger(
  path: string,
): Promise<{ readonly starts: Map<string, number>; readonly overlaps: string[] }> {
  const starts = new Map<string, number>();
  const overlaps: string[] = [];
  for (const line of (await Deno.readTextFile(path)).split("\n")) {
    const [what, id = ""] = line.split(" ");
    if (what === "start") starts.set(id, (starts.get(id) ?? 0) + 1);
    if (what === "overlap") overlaps.push(line);
  }
  return { starts, overlaps };
}
