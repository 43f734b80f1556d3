import type { DenQueues, Job, Queue, QueueUpdate } from "../../client/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";

const FIELDS: readonly string[] = ["paused", "draining", "concurrency"];

const NO_JOBS: Queue["counts"] = {
  available: 0,
  scheduled: 0,
  running: 0,
  retryable: 0,
  completed: 0,
  cancelled: 0,
  discarded: 0,
};

/** Parts that {@link FakeQueues} needs. */
export interface FakeQueuesDeps {
  /** The names, besides `default`. */
  readonly names: readonly string[];
  /** Returns all jobs. */
  readonly jobs: () => readonly Pick<Job, "queue" | "state">[];
  /** Called when a queue is no longer paused. */
  readonly onResume: (name: string) => void;
}

/** The queues of a fake den. A paused one keeps its jobs waiting; `concurrency` is only shown. */
export class FakeQueues implements DenQueues {
  readonly #queues: Map<string, { paused: boolean; draining: boolean; concurrency?: number }>;
  readonly #deps: FakeQueuesDeps;

  /** Programs get theirs from {@link FakeDen.queues}. */
  constructor(deps: FakeQueuesDeps) {
    this.#deps = deps;
    const names = new Set(["default", ...deps.names]);
    this.#queues = new Map(
      [...names].sort().map((name) => [
        name,
        { paused: false, draining: false },
      ]),
    );
  }

  /** The names of the queues. */
  get names(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** Returns true if a queue starts none of its jobs. */
  isPaused(name: string): boolean {
    return this.#queues.get(name)?.paused === true;
  }

  /** Returns true if a queue takes no further job. */
  isDraining(name: string): boolean {
    return this.#queues.get(name)?.draining === true;
  }

  /** @throws {SnakedenError} `queue_draining` if a queue takes no further job. */
  assertTakes(name: string): void {
    if (!this.isDraining(name)) return;
    throw new SnakedenError(
      "queue_draining",
      `The queue ${JSON.stringify(name)} is draining: it runs the jobs that it has, and takes no ` +
        "others",
      { retryable: true, details: { queue: name } },
    );
  }

  /** Lists the queues, by name. */
  list(): Promise<Queue[]> {
    return Promise.resolve(this.names.map((name) => this.#view(name)));
  }

  /** @throws {SnakedenError} `unknown_queue`. */
  async get(name: string): Promise<Queue> {
    const queue = (await this.list()).find((it) => it.name === name);
    if (queue === undefined) throw this.#unknown(name);
    return queue;
  }

  /** Starts none of its jobs from now on; those that run go on. */
  async pause(name: string): Promise<Queue> {
    return await this.update(name, { paused: true });
  }

  /** Takes {@link FakeQueues.pause} back; the jobs that wait run at once. */
  async resume(name: string): Promise<Queue> {
    return await this.update(name, { paused: false });
  }

  /** Takes no further job from now on; those that it has go on. */
  async drain(name: string): Promise<Queue> {
    return await this.update(name, { draining: true });
  }

  /** @throws {SnakedenError} `unknown_queue`; `invalid_input` for unknown fields. */
  async update(name: string, update: QueueUpdate): Promise<Queue> {
    const issues: FieldIssue[] = Object.keys(update).filter((it) => !FIELDS.includes(it))
      .map((path) => ({ path, message: `there is no such field; ${suggestion(path, FIELDS)}` }));
    if (issues.length > 0) {
      const list = issues.map(({ path, message }) => `${path}: ${message}`);
      throw new InvalidInputError(`Cannot change the queue: ${list.join("; ")}`, issues);
    }
    const queue = this.#queues.get(name);
    if (queue === undefined) throw this.#unknown(name);
    const { paused, draining, concurrency } = update;
    if (concurrency === null) delete queue.concurrency;
    else if (concurrency !== undefined) queue.concurrency = concurrency;
    const isResumed = queue.paused && paused === false;
    queue.paused = paused ?? queue.paused;
    queue.draining = draining ?? queue.draining;
    if (isResumed) this.#deps.onResume(name);
    return await this.get(name);
  }

  #view(name: string): Queue {
    const counts = { ...NO_JOBS } as Record<Job["state"], number>;
    for (const { queue, state } of this.#deps.jobs()) if (queue === name) counts[state]++;
    const left = counts.available + counts.scheduled + counts.running + counts.retryable;
    return { name, paused: false, draining: false, ...this.#queues.get(name), left, counts };
  }

  #unknown(name: string): SnakedenError {
    const text = `There is no queue ${JSON.stringify(name)}; ${suggestion(name, this.names)}`;
    return new SnakedenError("unknown_queue", text, { details: { queue: name } });
  }
}
