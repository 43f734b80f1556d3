import { randomUUID } from "node:crypto";
import { type Clock, SYSTEM_CLOCK } from "../async/mod.ts";
import type { BoundWorker } from "../calls/mod.ts";
import type { SessionsConfig } from "../config/mod.ts";
import { warnVisibly } from "../log.ts";
import { type SessionToDrop, type Store, storeTime } from "../store/mod.ts";
import type { Calls } from "../calls/mod.ts";
import { ByteLru } from "./byte_lru.ts";
import {
  type BatchOptions,
  type ChangeBatch,
  keepChanges,
  nextChanges,
  positionText,
} from "./variables/mod.ts";
import { ProgramRows, Programs } from "./programs/mod.ts";
import { Session, type SessionDeps, type SessionInfo } from "./session.ts";
import { tooManySessions, unknownSession } from "./session_errors.ts";
import {
  checkedOptions,
  checkedPage,
  checkId,
  type ListOptions,
  type ListPage,
  type OpenOptions,
} from "./session_options.ts";
import { SessionQuota } from "./session_quota.ts";
import { SessionRows, type SharedDeps } from "./session_rows.ts";
import { Sweeper } from "./sweeper.ts";
import { VariableRows } from "./variables/mod.ts";

/** A session that was opened. */
export interface OpenedSession {
  readonly session: Session;
  /** True if it did not exist before. */
  readonly created: boolean;
}

/** The sessions of a host so far. */
export interface SessionStats {
  /** Sessions that are open, with those that have expired and were not swept. */
  readonly open: number;
  /** The most that may be open: `sessions.max`. */
  readonly max: number;
  /** Sessions that this host has opened. */
  readonly created: number;
  /** Sessions that this host has deleted on request. */
  readonly deleted: number;
  /** Sessions that have expired and were swept. */
  readonly expired: number;
  /** Sessions, variables and programs in memory. */
  readonly cached: number;
  /** The memory that they take, as an estimate. */
  readonly cachedBytes: number;
}

/** Dependencies of {@link Sessions}. */
export interface SessionsDeps {
  readonly store: Pick<Store, "sessions" | "report">;
  readonly config: SessionsConfig;
  /** The deepest nesting of the values of variables. */
  readonly maxDepth: number;
  readonly clock?: Pick<Clock, "after">;
  /** Returns the time of the store: milliseconds since 1970. */
  readonly now?: () => number;
  /** Returns the calls of the host, by which programs are run. */
  readonly calls?: () => Pick<Calls, "execute" | "call" | "streamOf">;
  /**
   * Called with the ids of sessions that were deleted, or have expired and were swept, and with the
   * lives of those sessions of {@link Sessions.keepLocal} that have ended.
   */
  readonly onEnded?: (ids: readonly string[], lives: readonly string[]) => void;
  /** Called with the id of a session that was opened, which may have replaced an expired one. */
  readonly onOpened?: (id: string) => void;
  /** Returns the worker of a session, which was bound in these pools. */
  readonly workerOf?: (id: string, boundIn: readonly string[]) => BoundWorker | undefined;
}

const IN_MEMORY =
  "sessions are in memory and end with this program, and so are stored programs: another process " +
  "has the store of the data directory, or it cannot be opened";

/**
 * The sessions of a host: state under an id, for callers and tools.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * const session = await den.sessions.open("u1", { ttlMs: 3_600_000 });
 * await session.variables.set("temperature", 0.7, { constraints: { min: 0, max: 2 } });
 * const { value } = await session.variables.get<number>("temperature");
 * console.log(value);
 * ```
 */
export class Sessions implements AsyncDisposable {
  /** The global programs; also `den.programs`. */
  readonly programs: Programs;
  readonly #store: SessionsDeps["store"];
  readonly #config: SessionsConfig;
  readonly #cache: ByteLru<object>;
  readonly #rows: SessionRows;
  readonly #deps: SessionDeps;
  readonly #sweeper: Sweeper;
  readonly #quota: SessionQuota;
  readonly #onEnded: (ids: readonly string[], lives: readonly string[]) => void;
  readonly #onOpened: (id: string) => void;
  /** The lives of sessions with which workers keep objects, by id. */
  readonly #keptLocally = new Map<string, Set<string>>();
  /** The ids that were opened during the step of a sweep that runs; undefined if none runs. */
  #openedInStep: Set<string> | undefined;
  #hasWarned = false;
  #created = 0;
  #deleted = 0;
  #expired = 0;

  /** Opens the sessions of a store. Programs get theirs from {@link Snakeden.sessions}. */
  constructor({ store, config, maxDepth, ...deps }: SessionsDeps) {
    const { clock = SYSTEM_CLOCK, now = storeTime, calls = noCalls } = deps;
    const { workerOf = () => undefined } = deps;
    this.#onEnded = deps.onEnded ?? (() => {});
    this.#onOpened = deps.onOpened ?? (() => {});
    this.#store = store;
    this.#config = config;
    this.#cache = new ByteLru(config.cacheBytes);
    const shared: SharedDeps = { store: store.sessions, cache: this.#cache, now };
    const rows = new SessionRows(shared);
    const variables = new VariableRows({ ...shared, rows, limits: config, maxDepth });
    this.#rows = rows;
    this.#deps = {
      store: store.sessions,
      rows,
      variables,
      programs: new ProgramRows({ ...shared, rows, limits: config }),
      programLimits: { maxDepth, maxProgramBytes: config.maxProgramBytes },
      limits: config,
      calls,
      // Not awaited: the first use must not be overtaken by the second.
      onUse: () => void this.#warnInMemory().catch(() => {}),
      end: (id, expect) => this.#end(id, expect),
      workerOf: ({ id, boundIn }) => workerOf(id, boundIn),
    };
    this.programs = new Programs(null, this.#deps);
    this.#sweeper = new Sweeper({
      sweep: (limit) => this.#sweep(limit),
      clock,
      intervalMs: config.sweepMs,
    }).start();
    const sweep = (): Promise<void> => this.#sweeper.run();
    this.#quota = new SessionQuota({ store: store.sessions, max: config.max, sweep });
  }

  /**
   * Returns the session with this id, and opens it if it does not exist. An existing one stays as
   * it is, and this counts as its use. Without an id, opens one with an id of its own.
   *
   * @throws {SnakedenError} `session_quota_exceeded`, `store_failed`, or `invalid_input` naming
   * every field that is wrong.
   */
  async open(id: string = randomUUID(), options: OpenOptions = {}): Promise<Session> {
    return (await this.ensure(id, options)).session;
  }

  /**
   * Does the same as {@link Sessions.open}, and says whether the session existed.
   *
   * @throws {SnakedenError} See {@link Sessions.open}.
   */
  async ensure(id: string, options: OpenOptions = {}): Promise<OpenedSession> {
    checkId(id);
    const { ttlMs: defaultMs, maxTtlMs } = this.#config;
    const { ttlMs = Math.min(defaultMs, maxTtlMs), metadata = {} } = this.#checked(options);
    const there = await this.#find(id);
    if (there !== undefined) return { session: there, created: false };
    const opened = await this.#quota.run(() => this.#rows.open(id, { ttlMs, metadata }));
    if (opened === undefined) {
      // Another caller may have opened it in the last place.
      const session = await this.#find(id);
      if (session === undefined) throw tooManySessions(id, this.#config.max);
      return { session, created: false };
    }
    const { session, created } = opened;
    if (created) {
      this.#created++;
      this.#openedInStep?.add(id);
      this.#onOpened(id);
      // It may have replaced one that had expired.
      const lives = this.#takeKept(id, { except: session.life });
      if (lives.length > 0) this.#onEnded([], lives);
    }
    return { session: new Session(session, this.#deps), created };
  }

  /**
   * Checks options for {@link Sessions.open}, without opening a session.
   *
   * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
   */
  check(options: OpenOptions): void {
    this.#checked(options);
  }

  /**
   * Returns the session with this id, which counts as its use.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async get(id: string): Promise<Session> {
    checkId(id);
    const session = await this.#find(id);
    if (session === undefined) throw unknownSession(id);
    return session;
  }

  /**
   * Lists sessions, in a fixed order. Does not count as their use.
   *
   * @throws {SnakedenError} `store_failed`, or `invalid_input` naming every field that is wrong.
   */
  async list(options: ListOptions = {}): Promise<ListPage<SessionInfo>> {
    const ask = checkedPage("list sessions", options);
    await this.#warnInMemory();
    const { items, next } = await this.#store.sessions.list(ask);
    return {
      items: items.map((row) => new Session(row, this.#deps).info),
      ...(next === undefined ? {} : { cursor: next }),
    };
  }

  /**
   * Ends the session with this id and deletes its variables and programs.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async delete(id: string): Promise<void> {
    checkId(id);
    if (!await this.#end(id)) throw unknownSession(id);
  }

  /**
   * Counts the sessions.
   *
   * @throws {SnakedenError} `store_failed`.
   */
  async stats(): Promise<SessionStats> {
    return {
      open: await this.#store.sessions.count(),
      max: this.#config.max,
      created: this.#created,
      deleted: this.#deleted,
      expired: this.#expired,
      cached: this.#cache.size,
      cachedBytes: this.#cache.bytes,
    };
  }

  /**
   * Notes that a worker keeps objects with a session, which must hear of its end. Returns the life
   * of the session, to which they belong: one that is opened later under this id has another life.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async keepLocal(id: string): Promise<string> {
    checkId(id);
    const life = (await this.#rows.find(id))?.life;
    if (life === undefined) throw unknownSession(id);
    const lives = this.#keptLocally.get(id) ?? new Set();
    this.#keptLocally.set(id, lives.add(life));
    // It may have ended before it was noted.
    if ((await this.#rows.find(id))?.life === life) return life;
    lives.delete(life);
    if (lives.size === 0 && this.#keptLocally.get(id) === lives) this.#keptLocally.delete(id);
    throw unknownSession(id);
  }

  /**
   * Returns the position of the last change of a session, for its tools. It is read at once, so
   * that writes that are requested after it are after it.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async position(id: string): Promise<string> {
    checkId(id);
    const [position] = await Promise.all([this.#store.sessions.position(id), this.get(id)]);
    if (position === undefined) throw this.#rows.gone(id);
    return positionText(position);
  }

  /**
   * Returns the next changes of a session, for its tools; see {@link nextChanges}.
   *
   * @throws {SnakedenError} `store_failed`, `shutting_down` or `invalid_input`. Throws the reason
   * of the signal.
   */
  async nextChanges(id: string, ask: Omit<BatchOptions, "store">): Promise<ChangeBatch> {
    checkId(id);
    return await nextChanges(id, { ...ask, store: this.#store.sessions });
  }

  /** Has the store keep the changes of a session for {@link Sessions.nextChanges}. */
  keepChanges(id: string, ask: Pick<BatchOptions, "since" | "signal">): void {
    keepChanges(id, { ...ask, store: this.#store.sessions });
  }

  /**
   * Returns the pools to whose workers a session was bound, also in runs of the host before this
   * one; undefined if it is not open. This counts as its use.
   *
   * @throws {SnakedenError} `store_failed`.
   */
  async boundIn(id: string): Promise<readonly string[] | undefined> {
    return (await this.#rows.find(id))?.boundIn;
  }

  /**
   * Notes that a session is bound to a worker of a pool. Resolves when that is durable; false if
   * the session is not open.
   *
   * @throws {SnakedenError} `store_failed`.
   */
  async bind(id: string, pool: string): Promise<boolean> {
    return await this.#rows.bind(id, pool);
  }

  /** Notes that an open session is used, without a wait. */
  used(id: string): void {
    this.#rows.used(id);
  }

  /** Ends the sweeps. The sessions stay in the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeper[Symbol.asyncDispose]();
  }

  #checked(options: OpenOptions): OpenOptions {
    const known = ["ttlMs", "metadata"] as const;
    return checkedOptions("open the session", options, { limits: this.#config, known });
  }

  async #find(id: string): Promise<Session | undefined> {
    await this.#warnInMemory();
    const row = await this.#rows.find(id);
    return row && new Session(row, this.#deps);
  }

  async #end(id: string, expect: SessionToDrop = {}): Promise<boolean | "stale"> {
    const dropped = await this.#rows.drop(id, expect);
    if (dropped === true) {
      this.#deleted++;
      this.#ended([id]);
    }
    return dropped;
  }

  /** Ends up to `limit` sessions that have expired, and returns their ids. */
  async #sweep(limit: number): Promise<readonly string[]> {
    const opened = new Set<string>();
    this.#openedInStep = opened;
    try {
      const ids = await this.#store.sessions.sweep(limit);
      this.#expired += ids.length;
      for (const id of ids) this.#rows.forget(id);
      // Those that were opened again have another life, and said that the one before has ended.
      this.#ended(ids.filter((id) => !opened.has(id)));
      return ids;
    } finally {
      this.#openedInStep = undefined;
    }
  }

  #ended(ids: readonly string[]): void {
    this.#onEnded(ids, this.#keptLocally.size === 0 ? [] : ids.flatMap((id) => this.#takeKept(id)));
  }

  /** Forgets the lives of an id with which workers keep objects, and returns them. */
  #takeKept(id: string, { except }: { readonly except?: string } = {}): readonly string[] {
    const lives = this.#keptLocally.get(id);
    if (lives === undefined) return [];
    this.#keptLocally.delete(id);
    if (except === undefined || !lives.delete(except)) return [...lives];
    this.#keptLocally.set(id, new Set([except]));
    return [...lives];
  }

  /** Warns at the first use if the sessions will not be there after a restart. */
  async #warnInMemory(): Promise<void> {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { state } = await this.#store.report();
    if (state === "in memory") warnVisibly("sessions", IN_MEMORY);
  }
}

function noCalls(): never {
  throw new TypeError("these sessions cannot run programs");
}
