import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { JsonObject, SessionRow, SessionStore, SessionToDrop } from "../store/mod.ts";
import type { ByteLru } from "./byte_lru.ts";
import { Loads } from "./loads.ts";
import { unknownSession, versionConflict } from "./session_errors.ts";

/** The dependencies that the parts of sessions share. */
export interface SharedDeps {
  readonly store: SessionStore;
  /** The rows and counts that were used last. The first letter of a key names the kind. */
  readonly cache: ByteLru<object>;
  /** Returns the time of the store: milliseconds since 1970. */
  readonly now: () => number;
}

/** A session by its id and, if the caller has seen it before, by its life. */
export interface SessionKey {
  readonly id: string;
  readonly life: string;
}

/** A write that the store has not answered. */
interface Sent {
  /** True if a later one was answered, or if the session was forgotten. */
  isOvertaken: boolean;
}

/** The bytes of a session in memory, without its metadata. */
const ROW_BYTES = 500;
/** The part of the time to live after which use renews it. */
const RENEWAL = 1 / 10;

/**
 * The sessions of a store, with those that were used last in memory. This host is the only one that
 * writes to its store, so what is in memory is never old.
 *
 * Use renews the time to live, but only once a tenth of it has passed: else every read would be a
 * write.
 */
export class SessionRows {
  readonly #store: SessionStore;
  readonly #cache: ByteLru<object>;
  readonly #now: () => number;
  readonly #loads = new Loads<SessionRow | undefined>();
  /** The writes of each session that the store has not answered, in the order of the calls. */
  readonly #sent = new Map<string, Set<Sent>>();
  /** The ids of sessions that are to be renewed in the next turn. */
  #renewals = new Map<string, SessionRow>();
  /** The ids of sessions whose renewal has not come back. */
  readonly #renewing = new Set<string>();

  constructor({ store, cache, now }: SharedDeps) {
    this.#store = store;
    this.#cache = cache;
    this.#now = now;
  }

  /**
   * Returns a session that is in memory, and counts that as use. Undefined says nothing about one
   * that may be in the store.
   */
  cached({ id, life }: SessionKey): SessionRow | undefined {
    const row = this.#alive(id);
    return row?.life === life ? this.#used(row) : undefined;
  }

  /** Returns a session, and counts that as use; undefined if it does not exist. */
  async find(id: string): Promise<SessionRow | undefined> {
    const row = this.#alive(id) ??
      await this.#loads.run(id, () => this.#store.read(id), (it) => it && this.#keep(it));
    return row === undefined || row.expiresAt <= this.#now() ? undefined : this.#used(row);
  }

  /**
   * Returns a session that the caller has seen before.
   *
   * @throws {SnakedenError} `unknown_session`, also if another one has its id by now.
   */
  async require({ id, life }: SessionKey): Promise<SessionRow> {
    const row = await this.find(id);
    if (row?.life === life) return row;
    throw unknownSession(id);
  }

  /** Returns the session, and opens it if it does not exist. */
  async open(
    id: string,
    options: { readonly ttlMs: number; readonly metadata: JsonObject },
  ): Promise<{ readonly session: SessionRow; readonly created: boolean }> {
    return await this.#write(id, () => this.#store.open(id, options));
  }

  /**
   * Changes and touches a session.
   *
   * @throws {SnakedenError} `unknown_session`, `version_conflict` or `store_failed`.
   */
  async update(
    key: SessionKey,
    { ifVersion, ...patch }: {
      readonly ifVersion?: number;
      readonly ttlMs?: number;
      readonly metadata?: JsonObject;
    },
  ): Promise<SessionRow> {
    const { id } = await this.require(key);
    const updated = await this.#write(id, () => this.#store.update(id, ifVersion, patch));
    if (updated === undefined) throw this.gone(id);
    if (updated.state === "updated") return updated.session;
    throw versionConflict(`the session ${JSON.stringify(id)}`, updated.session.version);
  }

  /**
   * Renews the time to live of a session. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async touch(key: SessionKey): Promise<SessionRow> {
    const row = await this.require(key);
    const [expiresAt] = await this.#store.touch([row.id]);
    if (expiresAt === undefined) throw this.gone(row.id);
    return this.#renewed(row, expiresAt);
  }

  /** Notes that a session is bound in a pool. Returns false if there is no such session. */
  async bind(id: string, pool: string): Promise<boolean> {
    try {
      return await this.#store.bind(id, pool) !== undefined;
    } finally {
      this.forget(id);
    }
  }

  /** Counts as use of a session; those who use it do not wait for that. */
  used(id: string): void {
    const row = this.#alive(id);
    if (row !== undefined) this.#used(row);
    else {
      this.find(id).catch((error: unknown) => {
        const text = "cannot renew the session {id}: {problem}";
        getLogger("sessions").warn(text, { id, problem: messageOf(error) });
      });
    }
  }

  /** Ends a session, as {@link SessionStore.drop} does. */
  async drop(id: string, expect: SessionToDrop): Promise<boolean | "stale"> {
    try {
      return await this.#store.drop(id, expect);
    } finally {
      this.forget(id);
    }
  }

  /** Forgets a session that the store does not have any more. */
  forget(id: string): void {
    this.#loads.markStale(id);
    for (const sent of this.#sent.get(id) ?? []) sent.isOvertaken = true;
    this.#cache.delete(`s${id}`);
  }

  /** Forgets a session, and returns the error for its user. */
  gone(id: string): Error {
    this.forget(id);
    return unknownSession(id);
  }

  #alive(id: string): SessionRow | undefined {
    const row = this.#cache.get(`s${id}`) as SessionRow | undefined;
    if (row === undefined || row.expiresAt > this.#now()) return row;
    this.#cache.delete(`s${id}`);
    return undefined;
  }

  #used(row: SessionRow): SessionRow {
    const { id, touchedAt, ttlMs } = row;
    if (this.#now() - touchedAt < ttlMs * RENEWAL || this.#renewing.has(id)) return row;
    this.#renewing.add(id);
    if (this.#renewals.size === 0) queueMicrotask(() => void this.#renew());
    this.#renewals.set(id, row);
    return row;
  }

  /** Renews the sessions that were used in this turn. Those who use them do not wait for it. */
  async #renew(): Promise<void> {
    const rows = [...this.#renewals.values()];
    this.#renewals = new Map();
    try {
      const times = await this.#store.touch(rows.map(({ id }) => id));
      rows.forEach((row, i) => {
        const expiresAt = times[i];
        if (expiresAt !== undefined) this.#renewed(row, expiresAt);
        else this.forget(row.id);
      });
    } catch (error) {
      // The next use tries again.
      const text = "cannot renew sessions: {problem}";
      getLogger("sessions").warn(text, { problem: messageOf(error) });
    } finally {
      for (const { id } of rows) this.#renewing.delete(id);
    }
  }

  /** Keeps the new times of a session, unless it was changed meanwhile. */
  #renewed(row: SessionRow, expiresAt: number): SessionRow {
    const times = { expiresAt, touchedAt: expiresAt - row.ttlMs };
    const current = this.#cache.get(`s${row.id}`) as SessionRow | undefined;
    // The version says nothing of the pools that it is bound in.
    if (current?.life === row.life && current.version === row.version) {
      this.#keep({ ...current, ...times });
    }
    return { ...row, ...times };
  }

  /** Keeps the session that a write returns, unless the store has something newer by then. */
  async #write<T extends { readonly session: SessionRow } | undefined>(
    id: string,
    send: () => Promise<T>,
  ): Promise<T> {
    const sent: Sent = { isOvertaken: false };
    const all = this.#sent.get(id) ?? new Set();
    this.#sent.set(id, all.add(sent));
    try {
      const answer = await send();
      if (answer !== undefined && !sent.isOvertaken) {
        for (const it of all) {
          if (it === sent) break;
          it.isOvertaken = true;
        }
        this.#loads.markStale(id);
        this.#keep(answer.session);
      }
      return answer;
    } catch (error) {
      // It may have been written: the answer of the store can get lost.
      this.forget(id);
      throw error;
    } finally {
      all.delete(sent);
      if (all.size === 0) this.#sent.delete(id);
    }
  }

  #keep(row: SessionRow): void {
    const metadata = JSON.stringify(row.metadata).length;
    this.#cache.set(`s${row.id}`, row, ROW_BYTES + 2 * (row.id.length + metadata));
  }
}
