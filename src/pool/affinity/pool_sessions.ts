import type { AffinityMode } from "../calls/mod.ts";
import type { Affinity, SessionWorker } from "./affinity.ts";
import type { Standing } from "./binding.ts";

/** The sessions of a pool, for the code that knows which sessions are in the store. */
export class PoolSessions {
  readonly #affinity: Affinity;
  readonly #now: () => number;

  constructor(affinity: Affinity, now: () => number) {
    this.#affinity = affinity;
    this.#now = now;
  }

  /** The mode of calls that name none. */
  get mode(): AffinityMode {
    return this.#affinity.mode;
  }

  /** Returns the worker that a session is bound to; undefined if there is none. */
  workerOf(id: string): SessionWorker | undefined {
    return this.#affinity.workerOf(id, this.#now());
  }

  /** Returns what is known of a session in the store. */
  standingOf(id: string): Standing {
    return this.#affinity.standingOf(id, this.#now());
  }

  /**
   * Notes what is known of a session, right before its strict call.
   *
   * @param options `lostBecause` is the end of its worker, if that ended with a host before.
   * @throws {SnakedenError} `session_quota_exceeded`.
   */
  note(
    id: string,
    options: { readonly standing: Standing; readonly tool: string; readonly lostBecause?: string },
  ): void {
    this.#affinity.note(id, options, this.#now());
  }

  /**
   * Takes over the strict sessions of the pool that this one replaces. They have lost their
   * workers; as many are remembered as there is room for.
   */
  inherit(before: PoolSessions, lostBecause: string): void {
    const now = this.#now();
    const { room } = this.#affinity.table;
    const bound = before.#affinity.table.bound.slice(0, room);
    for (const { sessionId, standing } of bound) {
      this.#affinity.note(sessionId, { standing, tool: "", lostBecause }, now);
    }
  }

  /** Notes that a session was opened: what was known of its id is of no use any more. */
  opened(id: string): void {
    this.#affinity.opened(id, this.#now());
  }

  /** Forgets the worker of a session that has ended. Its calls that wait or run go on. */
  forget(id: string): void {
    this.#affinity.forget(id, this.#now());
  }
}
