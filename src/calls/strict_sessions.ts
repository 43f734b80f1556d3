import { DeadlineExceededError } from "../errors.ts";
import type { Pool, PoolsByName } from "../pool/mod.ts";

/** The stored sessions, as strict calls need them. */
export interface StoredSessions {
  /** Returns the pools in which a session was ever bound; undefined if it is not open. */
  boundIn(id: string): Promise<readonly string[] | undefined>;
  /** Notes durably that a session is bound in a pool; returns false if it is not open. */
  bind(id: string, pool: string): Promise<boolean>;
  /** Notes that an open session is used, without a wait. */
  used(id: string): void;
}

/** A strict call of a session. */
export interface StrictCall {
  readonly sessionId: string;
  readonly pool: string;
  readonly tool: string;
  /** The time until its deadline. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The worker to which strict calls have bound a session. */
export interface BoundWorker {
  readonly pool: string;
  /** Absent if the worker ended with a host before. */
  readonly workerId?: string;
  /** Differs between two workers with the same id; absent like the id. */
  readonly incarnation?: string;
  /** The end of the worker, such as `was replaced`; absent while it takes calls. */
  readonly workerEnd?: string;
}

/** A note of this run: `begun` if it is not known to be durable, although it may be. */
type NoteState = "begun" | "made";

const LOST_WITH_POOL = "ended with its pool, which was removed or replaced";
const LOST_WITH_HOST = "ended with its host, which has started again since";

/**
 * Remembers beyond the end of the host which sessions were bound to workers, so that the host that
 * follows does not send their strict calls to a blank worker. A pool alone remembers the workers of
 * one run.
 *
 * Before the first strict call of an open session is sent to a pool, the store notes that the
 * session is bound there. The note stays until the session ends. When a later host finds it, the
 * worker of the session has ended with the host before, and the pool is notified.
 */
export class StrictSessions {
  readonly #stored: StoredSessions;
  readonly #pools: PoolsByName;
  /** The sessions that this run has bound, or has found to be lost, with their pools. */
  readonly #notes = new Map<string, Map<string, NoteState>>();
  readonly #checks = new Map<string, Promise<void>>();
  /** The pools that were removed or replaced. */
  readonly #ended = new Set<string>();
  /** The number of sessions that were opened. */
  #openings = 0;

  constructor(stored: StoredSessions, pools: PoolsByName) {
    this.#stored = stored;
    this.#pools = pools;
  }

  /** Returns true if a strict call may be sent at once, which counts as use of its session. */
  isReady(sessionId: string, { sessions }: Pick<Pool, "sessions">): boolean {
    const standing = sessions.standingOf(sessionId);
    if (standing === "stored") this.#stored.used(sessionId);
    return standing !== "unknown";
  }

  /**
   * Prepares a strict call that is not ready. Resolves with the time that is left until its
   * deadline; it must be sent as soon as that resolves. Calls that wait keep their order.
   *
   * @throws {SnakedenError} `store_failed`, `session_quota_exceeded`, `deadline_exceeded` or the
   * reason of the signal.
   */
  prepare(call: StrictCall): Promise<number> {
    const { sessionId, pool } = call;
    const key = JSON.stringify([pool, sessionId]);
    let check = this.#checks.get(key);
    if (check === undefined) {
      check = this.#check(call).finally(() => this.#checks.delete(key));
      this.#checks.set(key, check);
    }
    return timeLeftAfter(check, call);
  }

  /**
   * Ends the tools that workers have registered for a session which has expired, although it was
   * not swept yet; otherwise counts as use of it. Resolves like {@link StrictSessions.prepare}.
   *
   * @throws {SnakedenError} Like {@link StrictSessions.prepare}.
   */
  refresh(call: StrictCall): Promise<number> {
    const { sessionId } = call;
    const check = this.#boundIn(sessionId).then((boundIn) => {
      if (boundIn !== undefined) return;
      for (const { registered } of this.#pools.values()) registered.sessionEnded(sessionId);
    });
    return timeLeftAfter(check, call);
  }

  /** Notes that a session was opened. */
  opened(id: string): void {
    this.#openings++;
    this.#notes.delete(id);
    for (const pool of this.#pools.values()) pool.sessions.opened(id);
  }

  /**
   * Notes that a pool was removed or replaced. Sessions that it has bound have lost their workers,
   * and a pool that comes with its name must not serve them with blank ones.
   */
  poolEnded(pool: string): void {
    this.#ended.add(pool);
    for (const notes of this.#notes.values()) notes.delete(pool);
  }

  /** Notes that sessions have ended. */
  ended(ids: readonly string[]): void {
    for (const id of ids) this.#notes.delete(id);
  }

  /** Returns the worker to which strict calls have bound a session, in the pool noted last. */
  workerOf(id: string, boundIn: readonly string[]): BoundWorker | undefined {
    for (const pool of [...boundIn].reverse()) {
      const worker = this.#pools.get(pool)?.sessions.workerOf(id);
      if (worker?.isStrict) {
        const { workerId, incarnation, end } = worker;
        return {
          pool,
          ...(workerId === undefined ? {} : { workerId }),
          ...(incarnation === undefined ? {} : { incarnation }),
          ...(end === undefined ? {} : { workerEnd: end }),
        };
      }
      if (!this.#notes.get(id)?.has(pool)) return { pool, workerEnd: this.#lossIn(pool) };
    }
    return undefined;
  }

  /** Returns the reason why a session that was bound in a pool has no worker there. */
  #lossIn(pool: string): string {
    return this.#ended.has(pool) ? LOST_WITH_POOL : LOST_WITH_HOST;
  }

  async #check({ sessionId, pool, tool }: StrictCall): Promise<void> {
    const sessions = this.#pools.get(pool)?.sessions;
    const boundIn = await this.#boundIn(sessionId);
    if (boundIn === undefined) return sessions?.note(sessionId, { standing: "unstored", tool });
    const notes = this.#notes.get(sessionId) ?? new Map<string, NoteState>();
    const note = notes.get(pool);
    if (note === undefined && boundIn.includes(pool)) {
      sessions?.note(sessionId, { standing: "stored", tool, lostBecause: this.#lossIn(pool) });
    } else {
      this.#notes.set(sessionId, notes.set(pool, note ?? "begun"));
      if (note !== "made" && !await this.#stored.bind(sessionId, pool)) {
        this.#notes.delete(sessionId);
        return sessions?.note(sessionId, { standing: "unstored", tool });
      }
      sessions?.note(sessionId, { standing: "stored", tool });
    }
    this.#notes.set(sessionId, notes.set(pool, "made"));
  }

  /** Returns the pools in which a session was bound; undefined if it is not open. */
  async #boundIn(id: string): Promise<readonly string[] | undefined> {
    while (true) {
      const openings = this.#openings;
      const boundIn = await this.#stored.boundIn(id);
      if (boundIn !== undefined || openings === this.#openings) return boundIn;
    }
  }
}

/** Waits for a check, until the deadline of the call or until its caller leaves. */
async function timeLeftAfter(
  check: Promise<void>,
  { tool, sessionId, timeoutMs, signal }: StrictCall,
): Promise<number> {
  const begunAt = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = `Cannot run ${tool}: the store has not answered for the session ${sessionId} ` +
      `within the deadline of ${timeoutMs} ms`;
    late.reject(new DeadlineExceededError(text, "queue", { timeoutMs }));
  }, timeoutMs);
  const onAbort = (): void => late.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([check, late.promise]);
    return Math.max(1, Math.floor(timeoutMs - (performance.now() - begunAt)));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
