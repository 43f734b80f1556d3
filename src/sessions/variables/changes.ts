import type { Position, SessionStore, WatchEvent } from "../../store/mod.ts";
import { invalidInput } from "../session_errors.ts";
import type { SessionKey, SessionRows } from "../session_rows.ts";

/** A change of the variables of a session. */
export interface VariableChange {
  /**
   * A variable was `set` or `deleted`. After a `reset`, changes were missed: read all variables
   * again.
   */
  readonly kind: "set" | "deleted" | "reset";
  /** The place of this change among all changes of the session, for {@link ChangeOptions.after}. */
  readonly position: string;
  /** The name of the variable; absent for a `reset`. */
  readonly name?: string;
  /** The version that the variable has since; absent for a `reset`. */
  readonly version?: number;
}

/** Options of {@link Variables.changes}. */
export interface ChangeOptions {
  /** The `position` of the last change that was seen. Default: only new changes. */
  readonly after?: string;
  /** A signal that ends the changes. */
  readonly signal?: AbortSignal;
}

/** The next changes of a session, for a tool. */
export interface ChangeBatch {
  readonly changes: readonly VariableChange[];
  /** The position after them. */
  readonly after: string;
  /** True if the session has ended. */
  readonly ended: boolean;
}

/** Options of {@link nextChanges}. */
export interface BatchOptions {
  readonly store: Pick<SessionStore, "watch">;
  /** A position of the session that is followed: another one may have its id by now. */
  readonly since: string;
  /** The position after which the changes begin. */
  readonly after: string;
  /** The most changes to return. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

interface PositionDeps {
  readonly store: Pick<SessionStore, "position" | "watch">;
  readonly rows: SessionRows;
}

interface FollowOptions extends ChangeOptions, PositionDeps {}

/**
 * Follows the changes of a session from the moment of the call on.
 *
 * @throws {InvalidInputError} `invalid_input` if `after` is not a position.
 */
export function followChanges(
  key: SessionKey,
  options: FollowOptions,
): AsyncIterableIterator<VariableChange> {
  const { signal, after } = options;
  const left = new AbortController();
  const ends = signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]);
  // Asked for now, so that no change is missed between this call and the first read.
  const position = after === undefined ? undefined : positionOf(after);
  const start = startOf(key, position, options);
  // Whoever reads gets the error.
  start.catch(() => {});
  const changes = read(key, start, { ...options, signal: ends });
  const done = { done: true, value: undefined } as const;
  return {
    next: async () => {
      try {
        return await changes.next();
      } catch (error) {
        if (left.signal.aborted && signal?.aborted !== true) return done;
        throw error;
      }
    },
    return: async () => {
      left.abort();
      await changes.return(undefined).catch(() => {});
      return done;
    },
    [Symbol.asyncIterator](): AsyncIterableIterator<VariableChange> {
      return this;
    },
  };
}

async function startOf(
  key: SessionKey,
  after: Position | undefined,
  { store, rows }: FollowOptions,
): Promise<Position> {
  if (after === undefined) return await positionAt(key, { store, rows });
  await rows.require(key);
  return after;
}

/** Returns the position of the last change of a session. */
export async function lastPosition(key: SessionKey, deps: PositionDeps): Promise<string> {
  return positionText(await positionAt(key, deps));
}

async function positionAt(key: SessionKey, { store, rows }: PositionDeps): Promise<Position> {
  // Asked for before anything else, so that no change that is made after this call comes first.
  const asked = store.position(key.id);
  // Handled below, unless there is no such session.
  asked.catch(() => {});
  await rows.require(key);
  const position = await asked;
  if (position?.life !== key.life) throw rows.gone(key.id);
  return position;
}

async function* read(
  { id, life }: SessionKey,
  start: Promise<Position>,
  { store, signal }: FollowOptions & { readonly signal: AbortSignal },
): AsyncGenerator<VariableChange> {
  const from = await start;
  for await (const event of store.watch(id, from, { signal })) {
    const changes = changesOf(event, life);
    if (changes === undefined) return;
    yield* changes;
  }
}

/** Returns the changes of an event; undefined if the session with this life has ended. */
function changesOf(event: WatchEvent, life: string): VariableChange[] | undefined {
  if (event.type === "ended" || event.at.life !== life) return undefined;
  if (event.type === "reset") return [{ kind: "reset", position: positionText(event.at) }];
  return event.changes.map(({ seq, name, kind }) => ({
    kind: kind === "set" ? "set" : "deleted",
    position: positionText({ life, seq }),
    name,
    version: seq,
  }));
}

/**
 * Returns the next changes of a session, at least one, as soon as there are some. This does
 * not count as use of the session.
 *
 * @throws {InvalidInputError} `invalid_input` for an invalid position.
 * @throws The reason of `signal`.
 */
export async function nextChanges(
  id: string,
  { store, since, after, limit, signal }: BatchOptions,
): Promise<ChangeBatch> {
  const { life } = positionOf(since);
  for await (const event of store.watch(id, positionOf(after), { signal })) {
    const changes = changesOf(event, life)?.slice(0, limit);
    if (changes === undefined) break;
    return { changes, after: changes.at(-1)?.position ?? after, ended: false };
  }
  return { changes: [], after, ended: true };
}

/**
 * Watches a session until the signal aborts, so that the store keeps more of its changes between
 * two calls of {@link nextChanges}.
 */
export function keepChanges(
  id: string,
  { store, since, signal }: Pick<BatchOptions, "store" | "since" | "signal">,
): void {
  if (signal.aborted) return;
  const events = store.watch(id, positionOf(since), { signal })[Symbol.asyncIterator]();
  const failed = (): void => {}; // Whoever asks for the changes gets the error.
  events.next().catch(failed);
  signal.addEventListener("abort", () => void events.return?.().catch(failed), { once: true });
}

/** Returns the life of the session that has a position. */
export function lifeOf(position: string): string {
  return positionOf(position).life;
}

const POSITION = /^([!-~]{1,100})\.(\d{1,15})$/;

/** Writes a position as a text. */
export function positionText({ life, seq }: Position): string {
  return `${life}.${seq}`;
}

function positionOf(text: string): Position {
  const [, life, seq] = POSITION.exec(text) ?? [];
  if (life !== undefined) return { life, seq: Number(seq) };
  const message = `given ${JSON.stringify(text.slice(0, 100))}; allowed: the position of a change`;
  throw invalidInput("follow the changes", [{ path: "after", message }]);
}
