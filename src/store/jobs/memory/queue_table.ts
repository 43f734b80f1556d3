import { allowedStarts, nextStartAt, tatAfter } from "../gcra.ts";
import type { QueueLimits, QueuePatch, QueueRow, QueueToDeclare } from "../queue_row.ts";

/** A queue, with the state of its limits. */
interface StoredQueue {
  readonly name: string;
  isDeclared: boolean;
  paused: boolean;
  draining: boolean;
  declared: QueueLimits;
  /** The limit that a patch has set. */
  override: number | undefined;
  tat: number;
}

/** The reason why a queue lets no job start. */
export type QueueObstacle =
  | { readonly reason: "paused" }
  | { readonly reason: "limit"; readonly limit: "queue concurrency" }
  | { readonly reason: "limit"; readonly limit: "queue rate"; readonly until: number };

/** The queues. One that was never declared has no limits, and is there while it has jobs. */
export class QueueTable {
  readonly #queues = new Map<string, StoredQueue>();

  declare(queues: readonly QueueToDeclare[]): void {
    for (const queue of this.#queues.values()) queue.isDeclared = false;
    for (const { name, fairBy: _, ...limits } of queues) {
      const queue = this.#queue(name);
      queue.isDeclared = true;
      queue.declared = structuredClone(limits);
    }
  }

  patch(name: string, { paused, draining, concurrency }: QueuePatch): void {
    const queue = this.#queue(name);
    if (paused !== undefined) queue.paused = paused;
    if (draining !== undefined) queue.draining = draining;
    if (concurrency !== undefined) queue.override = concurrency ?? undefined;
  }

  /** Returns a queue as it is; undefined if it is not declared, and `hasJobs` is false. */
  row(name: string, hasJobs: boolean): QueueRow | undefined {
    const queue = this.#queues.get(name);
    if (!hasJobs && !queue?.isDeclared) return undefined;
    const { paused = false, draining = false, override, declared: { rate } = {} } = queue ?? {};
    const concurrency = override ?? queue?.declared.concurrency;
    return {
      name,
      paused,
      draining,
      isOverridden: override !== undefined,
      ...(concurrency !== undefined && { concurrency }),
      ...(rate && { rate: { ...rate } }),
    };
  }

  /** Returns true if a queue takes no further job. */
  isDraining(name: string): boolean {
    return this.#queues.get(name)?.draining === true;
  }

  /** Returns the names of all queues that were ever declared or patched. */
  names(): string[] {
    return [...this.#queues.keys()];
  }

  /** Returns the reason why a queue lets no job start, while so many run; undefined if it does. */
  obstacle(name: string, running: number, now: number): QueueObstacle | undefined {
    const queue = this.#queues.get(name);
    if (queue === undefined) return undefined;
    const { paused, override, declared: { concurrency, rate }, tat } = queue;
    if (paused) return { reason: "paused" };
    if (running >= (override ?? concurrency ?? Infinity)) {
      return { reason: "limit", limit: "queue concurrency" };
    }
    if (rate === undefined || allowedStarts(tat, now, rate) > 0) return undefined;
    return { reason: "limit", limit: "queue rate", until: nextStartAt(tat, now, rate) };
  }

  /** Notes the start of a job. */
  started(name: string, now: number): void {
    const queue = this.#queues.get(name);
    const rate = queue?.declared.rate;
    if (queue && rate) queue.tat = tatAfter(queue.tat, now, { ...rate, count: 1 });
  }

  /** Returns the next time at which a rate lets a job start; Infinity if no rate holds one back. */
  nextStartAt(now: number): number {
    let next = Infinity;
    for (const { declared: { rate }, tat } of this.#queues.values()) {
      if (rate && allowedStarts(tat, now, rate) === 0) {
        next = Math.min(next, nextStartAt(tat, now, rate));
      }
    }
    return next;
  }

  #queue(name: string): StoredQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = {
      name,
      isDeclared: false,
      paused: false,
      draining: false,
      declared: {},
      override: undefined,
      tat: 0,
    };
    this.#queues.set(name, queue);
    return queue;
  }
}
