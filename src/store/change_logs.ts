import type { Clock } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import { RecencyMap } from "../collections/mod.ts";
import type { Change, Position, WatchEvent } from "./session_store.ts";

/** The changes kept of each session, and of each one that somebody watches. */
const KEPT = 200;
const KEPT_WATCHED = 10_000;
/** The sessions, apart from watched ones, of which changes are kept. */
const MAX_QUIET = 2_000;

/** The longest wait for an expiry, since a timer takes at most 2^31 ms. */
const MAX_WAIT_MS = 86_400_000;

/** The position of a session, and the time at which it expires unless it is renewed. */
export type WatchedPosition = Position & { readonly expiresAt: number };

/** Dependencies of {@link ChangeLogs}. */
export interface ChangeLogsDeps {
  /** The clock of the store. */
  readonly now: () => number;
  /** Wakes watchers at the expiry of their session. */
  readonly timer: Pick<Clock, "after">;
}

interface Log {
  /** Without a gap, oldest first. */
  changes: Change[];
  /** The number of the last change that was published or forgotten, once there is one. */
  last: number | undefined;
  readonly watchers: Set<() => void>;
  hasEnded: boolean;
}

/**
 * The latest changes of sessions, for {@link SessionStore.watch} of a driver whose host makes all
 * changes. It is in memory: changes of earlier runs are not known. A driver publishes each change
 * once it is durable, in order.
 */
export class ChangeLogs {
  /** By life; the one that was changed last is the last one. */
  readonly #logs = new RecencyMap<Log>();
  readonly #deps: ChangeLogsDeps;
  #isClosed = false;

  constructor(deps: ChangeLogsDeps) {
    this.#deps = deps;
  }

  /** Adds changes of one life, which follow those that were published before. */
  publish(life: string, changes: readonly Change[]): void {
    const last = changes.at(-1);
    if (last === undefined) return;
    const log = this.#renew(life);
    if (log.last !== undefined && changes[0]?.seq !== log.last + 1) log.changes = [];
    log.changes.push(...changes);
    log.last = last.seq;
    trim(log);
    wake(log);
  }

  /** Ends the watchers of one life. */
  end(life: string): void {
    const log = this.#logs.get(life);
    if (log === undefined) return;
    log.hasEnded = true;
    this.#logs.delete(life);
    wake(log);
  }

  /** Ends all watchers with `shutting_down`, also later ones. */
  close(): void {
    this.#isClosed = true;
    for (const [, log] of this.#logs) wake(log);
    this.#logs.clear();
  }

  /**
   * Reports the changes of a session, as {@link SessionStore.watch} describes. `positionOf` reads
   * the position of the session, or of the one whose life is given.
   */
  async *watch(
    from: Position,
    positionOf: () => Promise<WatchedPosition | undefined>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    signal.throwIfAborted();
    const first = await positionOf();
    if (first === undefined) return yield { type: "ended" };
    const { life } = first;
    const { now, timer } = this.#deps;
    const bell = new Bell(signal, timer);
    const log = this.#renew(life);
    log.watchers.add(bell.ring);
    try {
      // Read again, since changes from before the registration need not be in the log.
      const at = await positionOf();
      if (at?.life !== life) return yield { type: "ended" };
      let { seq } = from;
      let expiresAt: number | undefined = at.expiresAt;
      if (from.life !== life || seq > at.seq) {
        ({ seq } = at);
        yield { type: "reset", at: { life, seq } };
      } else if (log.last === undefined) log.last = at.seq;
      while (true) {
        signal.throwIfAborted();
        if (this.#isClosed) throw new SnakedenError("shutting_down", CLOSED);
        const changes = changesAfter(log, seq);
        if (changes === undefined) {
          seq = log.last ?? at.seq;
          yield { type: "reset", at: { life, seq } };
        } else if (changes.length > 0) {
          seq = changes.at(-1)?.seq ?? seq;
          yield { type: "changes", changes, at: { life, seq } };
        } else if (log.hasEnded || expiresAt === undefined) return yield { type: "ended" };
        else if (now() < expiresAt) await bell.wait(expiresAt - now());
        else {
          // A touch may have renewed it.
          const later = await positionOf();
          expiresAt = later?.life === life ? later.expiresAt : undefined;
        }
      }
    } finally {
      log.watchers.delete(bell.ring);
      trim(log);
      bell[Symbol.dispose]();
    }
  }

  /** Returns the log of a life, as the one that was changed last; creates it if necessary. */
  #renew(life: string): Log {
    const known = this.#logs.get(life);
    const log = known ?? { changes: [], last: undefined, watchers: new Set(), hasEnded: false };
    this.#logs.set(life, log);
    if (known === undefined && this.#logs.size > MAX_QUIET) this.#dropOldest();
    return log;
  }

  #dropOldest(): void {
    let looked = 0;
    for (const [life, log] of this.#logs) {
      if (log.watchers.size === 0) return void this.#logs.delete(life);
      // All are watched, so none can go.
      if (++looked > MAX_QUIET) return;
    }
  }
}

const CLOSED = "Cannot watch a session: the store is closed";

/** Wakes a watcher once for any number of rings. */
class Bell implements Disposable {
  #rung = Promise.withResolvers<void>();
  readonly #signal: AbortSignal;
  readonly #timer: Pick<Clock, "after">;

  constructor(signal: AbortSignal, timer: Pick<Clock, "after">) {
    this.#signal = signal;
    this.#timer = timer;
    signal.addEventListener("abort", this.ring);
  }

  readonly ring = (): void => this.#rung.resolve();

  /** Resolves at the next ring, or after a time. */
  async wait(atMostMs: number): Promise<void> {
    if (this.#signal.aborted) return;
    const cancel = this.#timer.after(Math.min(atMostMs, MAX_WAIT_MS), this.ring);
    await this.#rung.promise;
    cancel();
    this.#rung = Promise.withResolvers<void>();
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.ring);
  }
}

/** Forgets old changes; rarely, since it moves all that is kept. */
function trim(log: Log): void {
  const kept = log.watchers.size > 0 ? KEPT_WATCHED : KEPT;
  if (log.changes.length > 2 * kept) log.changes = log.changes.slice(-kept);
}

function wake(log: Log): void {
  for (const ring of log.watchers) ring();
}

/** Returns the changes after a number; undefined if some of them are not known. */
function changesAfter({ changes, last }: Log, seq: number): readonly Change[] | undefined {
  if (last === undefined || seq >= last) return [];
  const [first] = changes;
  if (first === undefined || seq < first.seq - 1) return undefined;
  return changes.slice(seq - first.seq + 1);
}
