import { RecencyMap } from "../../collections/mod.ts";
import { messageOf } from "../../errors.ts";
import {
  type AcceptedWork,
  type ChangeLogs,
  checkSessionId,
  KeyedQueue,
  SESSION_ROW,
  type SessionRow,
} from "../../store/mod.ts";
import type { BackgroundFailures } from "../background_failures.ts";
import { keys } from "../keys.ts";
import type { KvChunks } from "../kv_chunks.ts";
import { type KvRows, Row, type RowChange } from "../rows/mod.ts";
import {
  openRow,
  SESSION_HEAD,
  SESSION_STATE,
  type SessionHead,
  type SessionState,
} from "./session_records.ts";

/** The sessions kept in memory. */
const KEPT = 10_000;
const REMOVE = "remove a long value";

/** A session that is stored, expired or not. Each change makes another one. */
export interface Life {
  readonly head: SessionHead;
  /** As JSON; it is in the chunks of the head if that has some. */
  readonly metadata: Uint8Array;
  readonly state: SessionState;
}

/** Dependencies of the sessions in KV. */
export interface KvSessionsDeps {
  readonly rows: KvRows;
  readonly chunks: KvChunks;
  readonly failures: BackgroundFailures;
  readonly accepted: AcceptedWork;
  readonly logs: ChangeLogs;
  readonly now: () => number;
  /** Removes the variables and programs of a life. */
  readonly clean: (life: string) => void;
}

/** The decision about a call: its answer, and what makes it true. */
export interface Decision<T> {
  readonly answer: T;
  /**
   * Returns the changes. It is called in the turn in which they are written, since readers see the
   * session as {@link KvLives.put} or {@link KvLives.end} leaves it from then on.
   */
  readonly write?: () => readonly RowChange[];
  /** The sessions that the changes add, or below 0, remove. */
  readonly added?: number;
  /** Runs once the changes are durable, in the order of the decisions. */
  readonly after?: () => void;
}

/** A decision whose changes are being written. */
interface Begun<T> {
  readonly decision: Decision<T>;
  /** The commit on which the answer relies. */
  readonly commit: Promise<void> | undefined;
}

/**
 * The sessions themselves. All calls that change a session are decided one after another, in
 * memory, by the state that the call before leaves; they do not wait for each other's commits.
 */
export class KvLives {
  readonly #deps: KvSessionsDeps;
  readonly #writes = new KeyedQueue();
  /** The latest state of sessions, durable or not; the one that was changed last is the last. */
  readonly #kept = new RecencyMap<Life>();
  /** The last commit of each session that has a running one. */
  readonly #commits = new Map<string, Promise<void>>();
  #count: number;
  /** The number of sessions that are durable. */
  #durableCount: number;
  /** The number of times that changes were taken back. */
  #failures = 0;

  constructor(deps: KvSessionsDeps, count: number) {
    this.#deps = deps;
    this.#count = count;
    this.#durableCount = count;
    deps.rows.onTakenBack = () => this.#takeBack();
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Decides a call that may change a session, and answers once all that the decision relies on is
   * durable. If that fails, decides again, or fails if the changes are its own.
   */
  change<T>(
    action: string,
    id: string,
    decide: (life: Life | undefined) => Decision<T> | Promise<Decision<T>>,
  ): Promise<T> {
    checkSessionId(id);
    return this.#change(action, id, () => {
      const kept = this.#kept.get(id);
      return kept === undefined ? this.#load(id, true).then(decide) : decide(kept);
    });
  }

  /** Decides a call for a session that has not expired. */
  changeLive<T>(
    action: string,
    id: string,
    decide: (life: Life) => Decision<T | undefined> | Promise<Decision<T | undefined>>,
  ): Promise<T | undefined> {
    return this.change<T | undefined>(
      action,
      id,
      (life) => life && this.isLive(life) ? decide(life) : { answer: undefined },
    );
  }

  /** Decides a call that changes what belongs to no session, in the order of the calls. */
  changeShared<T>(
    action: string,
    id: string,
    decide: () => Promise<Decision<T>>,
  ): Promise<T> {
    return this.#change(action, id, decide);
  }

  #change<T>(
    action: string,
    id: string,
    decide: () => Decision<T> | Promise<Decision<T>>,
  ): Promise<T> {
    return this.#deps.accepted.run(action, async () => {
      while (true) {
        // Most decisions need nothing but memory, and then no promise until their commit.
        const made = this.#writes.runSoon(id, () => {
          const decision = decide();
          return decision instanceof Promise
            ? this.#beginLater(id, decision, decide)
            : this.#begin(id, decision);
        });
        const { commit, decision } = made instanceof Promise ? await made : made;
        try {
          if (commit !== undefined) await commit;
        } catch (error) {
          if (decision.write === undefined) continue;
          throw error;
        }
        decision.after?.();
        return decision.answer;
      }
    });
  }

  #begin<T>(id: string, decision: Decision<T>): Begun<T> {
    const { added = 0 } = decision;
    const mutations = decision.write?.() ?? [];
    const all = added === 0 ? mutations : [...mutations, this.#counted(added)];
    return { decision, commit: this.#commit(id, all) };
  }

  /** Decides again if what the decision relies on was taken back meanwhile. */
  async #beginLater<T>(
    id: string,
    first: Promise<Decision<T>>,
    decide: () => Decision<T> | Promise<Decision<T>>,
  ): Promise<Begun<T>> {
    let failures = this.#failures;
    let decision = await first;
    while (failures !== this.#failures) {
      failures = this.#failures;
      decision = await decide();
    }
    return this.#begin(id, decision);
  }

  /** Reads a session that has not expired, once it is durable. */
  async read<T>(
    action: string,
    id: string,
    use: (life: Life) => T | Promise<T>,
  ): Promise<T | undefined> {
    return await this.#deps.accepted.run(action, async () => {
      checkSessionId(id);
      const life = await this.durable(id);
      return life && this.isLive(life) ? await use(life) : undefined;
    });
  }

  /** Returns a session once it is durable, expired or not. */
  async durable(id: string): Promise<Life | undefined> {
    while (true) {
      const life = this.#kept.get(id) ?? await this.#load(id, false);
      const commit = this.#commits.get(id);
      if (commit === undefined || await commit.then(() => true, () => false)) return life;
    }
  }

  isLive({ state }: Life): boolean {
    return state.expiresAt > this.#deps.now();
  }

  /** Keeps the session as a decision leaves it, and returns the changes of its rows. */
  put(old: Life | undefined, life: Life): RowChange[] {
    const { id } = life.head;
    this.#kept.set(id, life);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.oldest?.[0] ?? id);
    const { state, head, metadata } = life;
    const mutations: RowChange[] = [
      { type: "set", key: keys.sessionState(id), value: new Row(SESSION_STATE, state) },
    ];
    if (head !== old?.head) {
      const value = new Row(SESSION_HEAD, head, metadata);
      mutations.push({ type: "set", key: keys.session(id), value });
    }
    if (state.indexedAt !== old?.state.indexedAt) {
      const value = new Uint8Array();
      mutations.push({ type: "set", key: keys.expiry(state.indexedAt, id), value });
      if (old) mutations.push({ type: "delete", key: keys.expiry(old.state.indexedAt, id) });
    }
    return mutations;
  }

  /** Returns how to forget and remove a session, and what must happen after that. */
  end({ head, state }: Life): { write: () => RowChange[]; added: number; after: () => void } {
    const { id, life, long } = head;
    const hasRows = state.seq > 0 || state.hasPrograms;
    const write = (): RowChange[] => {
      this.#kept.delete(id);
      const mutations: RowChange[] = [
        { type: "delete", key: keys.session(id) },
        { type: "delete", key: keys.sessionState(id) },
        { type: "delete", key: keys.expiry(state.indexedAt, id) },
      ];
      if (hasRows) {
        mutations.push({ type: "set", key: keys.endedLife(life), value: new Uint8Array() });
      }
      if (long !== undefined) mutations.push(this.#deps.chunks.release(long));
      return mutations;
    };
    const after = (): void => {
      this.#deps.logs.end(life);
      if (hasRows) this.#deps.clean(life);
      if (long !== undefined) this.removeChunks(long.generation);
    };
    return { write, added: -1, after };
  }

  /** Removes chunks whose mark is durable; if that fails, the next start removes them. */
  removeChunks(generation: string): void {
    const { accepted, chunks, failures, rows } = this.#deps;
    const remove = async (): Promise<void> => {
      await chunks.removeChunks(generation);
      await rows.write([{ type: "delete", key: keys.looseChunks(generation) }]);
      failures.clear(REMOVE);
    };
    accepted.run(REMOVE, remove).catch((error: unknown) => failures.report(REMOVE, error));
  }

  /** Returns the row of a session; undefined if its metadata cannot be read. */
  async rowOf({ head, metadata, state }: Life): Promise<SessionRow | undefined> {
    const { id, life, version, createdAt, ttlMs, long } = head;
    const { touchedAt, expiresAt, boundIn = [] } = state;
    const bytes = long === undefined ? { value: metadata } : await this.#deps.chunks.read(long);
    const row = { id, life, version, createdAt, ttlMs, touchedAt, expiresAt, boundIn };
    try {
      if ("problem" in bytes) return undefined;
      const parsed = JSON.parse(new TextDecoder().decode(bytes.value));
      return SESSION_ROW.schema.parse({ ...row, metadata: parsed });
    } catch {
      return undefined;
    }
  }

  #counted(by: number): RowChange {
    this.#count += by;
    const value = new TextEncoder().encode(String(this.#count));
    return { type: "set", key: keys.sessionCount, value };
  }

  #commit(id: string, mutations: readonly RowChange[]): Promise<void> | undefined {
    if (mutations.length === 0) return this.#commits.get(id);
    const commit = this.#deps.rows.write(mutations);
    this.#commits.set(id, commit);
    const count = this.#count;
    const forget = (): void => {
      if (this.#commits.get(id) === commit) this.#commits.delete(id);
    };
    commit.then(() => {
      this.#durableCount = count;
      forget();
    }, forget);
    return commit;
  }

  /** Forgets all that relies on changes that have failed. */
  #takeBack(): void {
    this.#failures++;
    for (const id of this.#commits.keys()) this.#kept.delete(id);
    this.#commits.clear();
    this.#count = this.#durableCount;
  }

  /** Reads a session. With `setAside`, no other call changes it meanwhile. */
  async #load(id: string, setAside: boolean): Promise<Life | undefined> {
    const { rows } = this.#deps;
    const rowKeys = [keys.session(id), keys.sessionState(id)] as const;
    const [headRow, stateRow] = await Promise.all(rowKeys.map((key) => rows.peek(key)));
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    if (headRow === undefined && stateRow === undefined) return undefined;
    try {
      if (headRow === undefined || stateRow === undefined) throw new Error("half of it is missing");
      const { head, body } = openRow(SESSION_HEAD, headRow);
      const { head: state } = openRow(SESSION_STATE, stateRow);
      if (head.id !== id || head.life !== state.life) throw new Error("its parts do not match");
      return { head, metadata: body, state };
    } catch (error) {
      if (!setAside) return await this.#writes.run(id, () => this.#load(id, true));
      for (const [i, stored] of [headRow, stateRow].entries()) {
        const key = rowKeys[i === 0 ? 0 : 1];
        if (stored !== undefined) {
          await rows.setAside(key, stored, messageOf(error));
        }
      }
      await this.#commit(id, [this.#counted(-1)]);
      return undefined;
    }
  }
}
