import type { JsonObject, SessionRow, SessionToDrop } from "./session_row.ts";
import type { ProgramHead, ProgramRow, VariableHead, VariableRow } from "./variable_row.ts";

/** The part of a list to read. */
export interface PageAsk {
  /** The `next` of the page before; the first page without it. Valid only in the same list. */
  readonly after?: string | undefined;
  /** The most items to return: 1 or more. */
  readonly limit: number;
}

/**
 * A part of a list. An item that exists from the first page to the last is in exactly one page; an
 * item that is added or removed meanwhile is in at most one.
 */
export interface Page<T> {
  readonly items: readonly T[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

/** The answer to {@link SessionStore.open}. */
export interface Opened {
  readonly session: SessionRow;
  /** True if the session did not exist, or had expired. */
  readonly created: boolean;
}

/** A change of a session; absent fields stay. */
export interface SessionPatch {
  readonly ttlMs?: number | undefined;
  /** Replaces all metadata. */
  readonly metadata?: JsonObject | undefined;
}

/** The answer to {@link SessionStore.update}, with the session as it is afterwards. */
export interface Updated {
  /** `stale` if the version was not the expected one; nothing is changed then. */
  readonly state: "updated" | "stale";
  readonly session: SessionRow;
}

/** A variable to write. */
export interface NewVariable {
  readonly name: string;
  readonly type: string;
  /** The caller must not change the buffer until the write has resolved. */
  readonly value: Uint8Array<ArrayBuffer>;
  readonly constraints?: JsonObject | undefined;
  /** Writes only if the variable has this version; with 0, only if it does not exist. */
  readonly expectVersion?: number | undefined;
}

/** A variable to remove. */
export interface VariableToDrop {
  readonly name: string;
  /** Removes the variable only if it has this version. */
  readonly expectVersion?: number | undefined;
}

/** The answer for something that was written, with what its row has from here on. */
export interface SetAnswer {
  readonly state: "set";
  readonly version: number;
  readonly updatedAt: number;
}

/**
 * The answer for one variable. `version` is that of the change that was made; if the write was
 * `stale`, it is the current version, or 0 if the variable does not exist. A `missing` variable was
 * to be removed with no version expected; its `version` is 0, and nothing is changed.
 */
export type VariableAnswer = SetAnswer | {
  readonly state: "dropped" | "stale" | "missing";
  readonly version: number;
};

/** A variable of a list. The value is absent if it is longer than the caller wants. */
export type ListedVariable = VariableHead & { readonly value?: Uint8Array<ArrayBuffer> };

/** A place in the changes of a session: all changes up to `seq` have been seen. */
export interface Position {
  readonly life: string;
  readonly seq: number;
}

/**
 * A change of one variable. The changes of one life of a session are numbered 1, 2, 3, ... without
 * a gap, and `seq` is that number. It is also the version of a variable that was set.
 */
export interface Change {
  readonly seq: number;
  readonly name: string;
  readonly kind: "set" | "dropped";
}

/**
 * An event of {@link SessionStore.watch}:
 *
 * - `changes`: the next changes, at least one, in order. `at` is the position after them.
 * - `reset`: the changes since the position are not known any more. The watcher must read all
 *   variables *after* this event; changes after `at` follow.
 * - `ended`: the session was dropped, or has expired. No event follows. If its time to live was
 *   shortened meanwhile, this may come with the sweep only.
 */
export type WatchEvent =
  | { readonly type: "changes"; readonly changes: readonly Change[]; readonly at: Position }
  | { readonly type: "reset"; readonly at: Position }
  | { readonly type: "ended" };

/** The owner of programs: the id of a session, or null for the programs of all. */
export type ProgramScope = string | null;

/** A program to write. */
export interface NewProgram {
  readonly name: string;
  readonly body: unknown;
  /** Writes only if the program has this version; with 0, only if it does not exist. */
  readonly expectVersion?: number | undefined;
}

/** The answer for one program; `version` is the current one, or 0 if there is no program. */
export type ProgramAnswer = SetAnswer | { readonly state: "stale"; readonly version: number };

/**
 * Sessions, with their variables and programs.
 *
 * A session exists from its opening until it is dropped or its time to live has passed since the
 * last touch, by the clock of the store. From that moment, no operation sees it or anything that
 * belongs to it, whether or not {@link SessionStore.sweep} has run. A session that is opened again
 * under the same id has a new life and nothing of the old one.
 *
 * Every method refuses an id or a name that is not allowed with `invalid_input`. A method of a
 * session that does not exist returns undefined, except where noted. What {@link Store} says of
 * durability, order, concurrency, failures and damage holds here too; records are sessions,
 * variables and programs. The order of the calls also holds between writes of a session and of its
 * variables and programs, so a write may wait while an earlier one of its session writes a long
 * value.
 */
export interface SessionStore {
  /**
   * Returns the session, and opens it if it does not exist. An existing one keeps its time to live
   * and metadata, and is not touched.
   */
  open(
    id: string,
    options: { readonly ttlMs: number; readonly metadata: JsonObject },
  ): Promise<Opened>;
  read(id: string): Promise<SessionRow | undefined>;
  /** Changes and touches a session. Without an expected version, every version is good. */
  update(
    id: string,
    expectVersion: number | undefined,
    patch: SessionPatch,
  ): Promise<Updated | undefined>;
  /** Lists sessions, in a fixed order. */
  list(page: PageAsk): Promise<Page<SessionRow>>;
  /**
   * Renews the time to live of sessions, not necessarily in one commit. Returns the new `expiresAt`
   * of each, in order; undefined for one that does not exist.
   */
  touch(ids: readonly string[]): Promise<readonly (number | undefined)[]>;
  /**
   * Notes that a session is bound to a worker of a pool, so that a later host knows that the worker
   * is gone. Returns false if that was noted before. This is not a touch, and the version stays.
   */
  bind(id: string, pool: string): Promise<boolean | undefined>;
  /**
   * Ends a session, with its variables and programs. Returns false if it does not exist, or has
   * another life than the expected one; `stale` if it has another version. The space may be freed
   * later.
   */
  drop(id: string, expect?: SessionToDrop): Promise<boolean | "stale">;
  /**
   * Ends up to `limit` sessions that have expired, and returns their ids. Fewer ids than `limit`
   * mean that no other session had expired. The ids of sessions that {@link SessionStore.open} has
   * replaced are not among them.
   */
  sweep(limit: number): Promise<readonly string[]>;
  /** Counts the sessions, with those that have expired and that no sweep has ended. */
  count(): Promise<number>;

  /**
   * Returns the variables with these names, in order; undefined for one that does not exist. With a
   * `life`, a session of another life does not exist; so it is for all methods below with one.
   */
  getVars(
    id: string,
    names: readonly string[],
    life?: string,
  ): Promise<readonly (VariableRow | undefined)[] | undefined>;
  /**
   * Writes variables, each by itself, and returns an answer for each, in order. The accepted
   * ones take effect in order, and readers may see a part of them first.
   */
  setVars(
    id: string,
    variables: readonly NewVariable[],
    life?: string,
  ): Promise<readonly VariableAnswer[] | undefined>;
  /** Removes variables, like {@link SessionStore.setVars}. */
  dropVars(
    id: string,
    variables: readonly VariableToDrop[],
    life?: string,
  ): Promise<readonly VariableAnswer[] | undefined>;
  /**
   * Lists variables, in a fixed order, with the values of at most `maxValueBytes` bytes (default:
   * none).
   */
  listVars(
    id: string,
    page: PageAsk & { readonly maxValueBytes?: number },
    life?: string,
  ): Promise<Page<ListedVariable> | undefined>;
  /** Returns the position after the last change of a session. */
  position(id: string): Promise<Position | undefined>;
  /**
   * Reports the changes after a position, and then each further one, until the session ends or
   * `signal` aborts; then it throws the reason. Closing the store ends it with `shutting_down`. A
   * store knows at least the last 100 changes of this run of each of the last 1,000 sessions that
   * were changed. A position of another life, or one that lies ahead, is answered with a `reset`.
   */
  watch(
    id: string,
    from: Position,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<WatchEvent>;

  /** Writes a program. A `life`, here and below, has no meaning for the programs of all. */
  putProgram(
    scope: ProgramScope,
    program: NewProgram,
    life?: string,
  ): Promise<ProgramAnswer | undefined>;
  /** Returns a program; undefined also if it does not exist. */
  getProgram(scope: ProgramScope, name: string, life?: string): Promise<ProgramRow | undefined>;
  /** Removes a program. Returns false if it, or its session, does not exist. */
  deleteProgram(scope: ProgramScope, name: string, life?: string): Promise<boolean>;
  /** Lists programs without their bodies, in a fixed order. */
  listPrograms(
    scope: ProgramScope,
    page: PageAsk,
    life?: string,
  ): Promise<Page<ProgramHead> | undefined>;
}
