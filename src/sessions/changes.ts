import type { Position, SessionStore } from "../store/mod.ts";
import { invalidInput } from "./session_errors.ts";
import type { SessionKey, SessionRows } from "./session_rows.ts";

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

interface PositionDeps {
  readonly store: Pick<SessionStore, "position" | "watch">;
  readonly rows: SessionRows;
}

interface FollowOptions extends ChangeOptions, PositionDeps {}

/**
 * Follows the changes of a session from the moment of the call on.
 *
 * @throws {InvalidInputError} `invalid_input` if `after` is no position.
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
  return textOf(await positionAt(key, deps));
}

async function positionAt(key: SessionKey, { store, rows }: PositionDeps): Promise<Position> {
  const { id } = await rows.require(key);
  const position = await store.position(id);
  if (position === undefined) throw rows.gone(id);
  return position;
}

async function* read(
  { id, life }: SessionKey,
  start: Promise<Position>,
  { store, signal }: FollowOptions & { readonly signal: AbortSignal },
): AsyncGenerator<VariableChange> {
  const from = await start;
  for await (const event of store.watch(id, from, { signal })) {
    if (event.type === "ended") return;
    if (event.at.life !== life) return;
    if (event.type === "reset") {
      yield { kind: "reset", position: textOf(event.at) };
      continue;
    }
    for (const { seq, name, kind } of event.changes) {
      yield {
        kind: kind === "set" ? "set" : "deleted",
        position: textOf({ life, seq }),
        name,
        version: seq,
      };
    }
  }
}

const POSITION = /^([!-~]{1,100})\.(\d{1,15})$/;

function textOf({ life, seq }: Position): string {
  return `${life}.${seq}`;
}

function positionOf(text: string): Position {
  const [, life, seq] = POSITION.exec(text) ?? [];
  if (life !== undefined) return { life, seq: Number(seq) };
  const message = `given ${JSON.stringify(text.slice(0, 100))}; allowed: the position of a change`;
  throw invalidInput("follow the changes", [{ path: "after", message }]);
}
