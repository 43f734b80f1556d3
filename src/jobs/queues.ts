import { shownValue } from "../config/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import {
  JOB_LIMITS,
  JOB_STATES,
  type JobCount,
  type JobState,
  type JobStore,
  type QueueRow,
} from "../store/mod.ts";
import type { Queue } from "./job.ts";
import { unknownQueue } from "./job_errors.ts";

/** A change of a queue; what is omitted stays. */
export interface QueueUpdate {
  /** True to start none of its jobs; those that run go on. */
  readonly paused?: boolean;
  /** True to take no further job, and to run those that it has. */
  readonly draining?: boolean;
  /** The most jobs that run at once; null for what the configuration says. */
  readonly concurrency?: number | null;
}

/** The queues of jobs. Every method throws `store_unavailable` as {@link Jobs} does. */
export class Queues {
  readonly #store: JobStore | SnakedenError;

  /** Programs get theirs from {@link Snakeden.queues}. */
  constructor({ store }: { readonly store: JobStore | SnakedenError }) {
    this.#store = store;
  }

  /** Lists the queues, by name. */
  async list(): Promise<Queue[]> {
    const store = this.#opened;
    const [rows, counts] = await Promise.all([store.queues(), store.counts()]);
    return rows.map((row) => queueOf(row, counts));
  }

  /** @throws {SnakedenError} `unknown_queue`. */
  async get(name: string): Promise<Queue> {
    const queues = await this.list();
    const queue = queues.find((it) => it.name === name);
    if (queue === undefined) throw unknownQueue(name, queues.map((it) => it.name));
    return queue;
  }

  /** Starts none of its jobs from now on, also after a restart; those that run go on. */
  async pause(name: string): Promise<Queue> {
    return await this.update(name, { paused: true });
  }

  /** Takes {@link Queues.pause} back. */
  async resume(name: string): Promise<Queue> {
    return await this.update(name, { paused: false });
  }

  /**
   * Takes no further job from now on, also after a restart: submissions, and retries of ended jobs,
   * fail with `queue_draining`. The queue runs what it has: {@link Queue.left}.
   */
  async drain(name: string): Promise<Queue> {
    return await this.update(name, { draining: true });
  }

  /**
   * Changes a queue. What is set here outlives the host.
   *
   * @throws {SnakedenError} `unknown_queue`; `invalid_input` naming every field that is wrong.
   */
  async update(name: string, update: QueueUpdate): Promise<Queue> {
    const store = this.#opened;
    check(update);
    const row = await store.patchQueue(name, update);
    if (row === undefined) {
      throw unknownQueue(name, (await store.queues()).map((it) => it.name));
    }
    return queueOf(row, await store.counts());
  }

  get #opened(): JobStore {
    if (this.#store instanceof SnakedenError) throw this.#store;
    return this.#store;
  }
}

const FIELDS = ["paused", "draining", "concurrency"];

function check(update: QueueUpdate): void {
  const issues: FieldIssue[] = Object.keys(update).filter((key) => !FIELDS.includes(key))
    .map((path) => ({ path, message: `there is no such field; ${suggestion(path, FIELDS)}` }));
  const { concurrency } = update;
  for (const path of ["paused", "draining"] as const) {
    const given = update[path];
    if (given === undefined || typeof given === "boolean") continue;
    issues.push({ path, message: `given ${shownValue(given)}; allowed: true or false` });
  }
  const isWhole = concurrency === undefined || concurrency === null ||
    (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= JOB_LIMITS.limit);
  if (!isWhole) {
    const allowed = `a whole number from 1 to ${JOB_LIMITS.limit}, or null for what the ` +
      "configuration says";
    const message = `given ${shownValue(concurrency)}; allowed: ${allowed}`;
    issues.push({ path: "concurrency", message });
  }
  if (issues.length === 0) return;
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  throw new InvalidInputError(`Cannot change the queue: ${list.join("; ")}`, issues);
}

function queueOf(row: QueueRow, counts: readonly JobCount[]): Queue {
  const byState = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<
    JobState,
    number
  >;
  for (const { queue, state, count } of counts) {
    if (queue === row.name) byState[state] = count;
  }
  return {
    name: row.name,
    paused: row.paused,
    draining: row.draining,
    ...(row.concurrency === undefined ? {} : { concurrency: row.concurrency }),
    ...(row.rate === undefined ? {} : { rateLimit: row.rate }),
    ...(row.fairBy === undefined ? {} : { fairBy: row.fairBy }),
    left: byState.available + byState.scheduled + byState.running + byState.retryable,
    counts: byState,
  };
}
