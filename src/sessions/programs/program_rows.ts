import type { SessionsConfig } from "../../config/mod.ts";
import type { SnakedenError } from "../../errors.ts";
import {
  KeyedQueue,
  type Page,
  type PageAsk,
  type ProgramHead,
  type SessionRow,
  type SetAnswer,
} from "../../store/mod.ts";
import { Loads } from "../loads.ts";
import { quotaExceeded, unknownProgram, versionConflict } from "../session_errors.ts";
import type { SessionRows, SharedDeps } from "../session_rows.ts";
import { type ProgramBody, type StoredProgram, storedProgram } from "./program.ts";

/** The session of programs; null for global programs. */
export type ProgramOwner = SessionRow | null;

/** A program to write, which was checked. */
export interface ProgramWrite {
  readonly name: string;
  readonly body: ProgramBody;
  /** Writes only if the program has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number | undefined;
}

/** Dependencies of {@link ProgramRows}. */
export interface ProgramRowsDeps extends SharedDeps {
  readonly rows: SessionRows;
  readonly limits: Pick<SessionsConfig, "maxPrograms">;
}

/** A program in memory, or that there is none. */
interface Found {
  /** The version that is there; 0 if there is none. */
  readonly version: number;
  readonly program?: StoredProgram;
  /** The reason why there is no {@link program}, if it cannot be read. */
  readonly error?: unknown;
}

/** The number of programs of one owner. */
interface Count {
  value: number;
}

/** The bytes of a program in memory, without its name and body. */
const ROW_BYTES = 600;
const COUNT_BYTES = 200;
const PAGE = 1_000;

/**
 * The programs of a store, with those that were used last in memory. The writes of one owner run
 * one after the other, so each sees what is there: this host is the only one that writes to its
 * store.
 */
export class ProgramRows {
  readonly #deps: ProgramRowsDeps;
  readonly #loads = new Loads<Found>();
  readonly #writes = new KeyedQueue();

  constructor(deps: ProgramRowsDeps) {
    this.#deps = deps;
  }

  /**
   * Returns a program; undefined if it does not exist.
   *
   * @throws {SnakedenError} `store_failed`.
   */
  async find(owner: ProgramOwner, name: string): Promise<StoredProgram | undefined> {
    const { program, error } = await this.#found(owner, name);
    if (error !== undefined) throw error;
    return program;
  }

  /**
   * Writes a program, and returns its version and time once that is durable.
   *
   * @throws {SnakedenError} `version_conflict`, `session_quota_exceeded`, `unknown_session` or
   * `store_failed`.
   */
  async put(owner: ProgramOwner, { name, body, ifVersion }: ProgramWrite): Promise<SetAnswer> {
    return await this.#change(owner, name, async (current) => {
      if (ifVersion !== undefined && ifVersion !== current) throw conflict(name, current);
      const { store, rows, limits: { maxPrograms: max } } = this.#deps;
      const count = current > 0 ? undefined : await this.#count(owner);
      if (count !== undefined && count.value >= max) throw tooMany(name, max);
      const answer = await store.putProgram(
        owner?.id ?? null,
        { name, body, expectVersion: ifVersion },
        owner?.life,
      );
      if (answer === undefined) throw rows.gone(owner?.id ?? "");
      if (answer.state === "stale") throw conflict(name, answer.version);
      if (count !== undefined) count.value++;
      return answer;
    });
  }

  /**
   * Removes a program.
   *
   * @throws {SnakedenError} `unknown_program`, `version_conflict` or `store_failed`.
   */
  async drop(owner: ProgramOwner, name: string, ifVersion: number | undefined): Promise<void> {
    await this.#change(owner, name, async (current) => {
      if (current === 0) throw unknownProgram(name, owner ?? undefined);
      if (ifVersion !== undefined && ifVersion !== current) throw conflict(name, current);
      const isDeleted = await this.#deps.store.deleteProgram(owner?.id ?? null, name, owner?.life);
      if (!isDeleted) throw unknownProgram(name, owner ?? undefined);
      const count = this.#deps.cache.get(countKey(owner)) as Count | undefined;
      if (count !== undefined) count.value--;
    });
  }

  /**
   * Lists programs.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async list(owner: ProgramOwner, ask: PageAsk): Promise<Page<ProgramHead>> {
    const { store, rows } = this.#deps;
    const page = await store.listPrograms(owner?.id ?? null, ask, owner?.life);
    if (page === undefined) throw rows.gone(owner?.id ?? "");
    return page;
  }

  /** Runs a write, given the version of the program that is there; 0 if there is none. */
  #change<T>(
    owner: ProgramOwner,
    name: string,
    write: (current: number) => Promise<T>,
  ): Promise<T> {
    return this.#writes.run(scopeOf(owner), async () => {
      const { version: current } = await this.#found(owner, name);
      try {
        return await write(current);
      } catch (error) {
        // It may have been written: the answer of the store can get lost.
        this.#deps.cache.delete(countKey(owner));
        throw error;
      } finally {
        const key = keyOf(owner, name);
        this.#loads.markStale(key);
        this.#deps.cache.delete(key);
      }
    });
  }

  async #found(owner: ProgramOwner, name: string): Promise<Found> {
    const key = keyOf(owner, name);
    const cached = this.#deps.cache.get(key) as Found | undefined;
    return cached ?? await this.#loads.run(
      key,
      () => this.#read(owner, name),
      (it) => this.#keep(key, it),
    );
  }

  async #read(owner: ProgramOwner, name: string): Promise<Found> {
    const row = await this.#deps.store.getProgram(owner?.id ?? null, name, owner?.life);
    if (row === undefined) return { version: 0 };
    const { version } = row;
    try {
      return { version, program: storedProgram(row) };
    } catch (error) {
      // It can still be replaced or deleted.
      return { version, error };
    }
  }

  #keep(key: string, found: Found): void {
    const bytes = 2 * key.length + 3 * (found.program?.info.bytes ?? 0);
    this.#deps.cache.set(key, found, ROW_BYTES + bytes);
  }

  async #count(owner: ProgramOwner): Promise<Count> {
    const key = countKey(owner);
    const cached = this.#deps.cache.get(key) as Count | undefined;
    if (cached !== undefined) return cached;
    const count: Count = { value: 0 };
    let after: string | undefined;
    do {
      const page = await this.list(owner, { after, limit: PAGE });
      count.value += page.items.length;
      after = page.next;
    } while (after !== undefined);
    this.#deps.cache.set(key, count, COUNT_BYTES + 2 * key.length);
    return count;
  }
}

function scopeOf(owner: ProgramOwner): string {
  return owner === null ? "" : `${owner.id} ${owner.life}`;
}

function keyOf(owner: ProgramOwner, name: string): string {
  return `p${scopeOf(owner)} ${name}`;
}

function countKey(owner: ProgramOwner): string {
  return `q${scopeOf(owner)}`;
}

function conflict(name: string, version: number): SnakedenError {
  return versionConflict(`the program ${JSON.stringify(name)}`, version === 0 ? null : version);
}

function tooMany(name: string, max: number): SnakedenError {
  return quotaExceeded(`the program ${JSON.stringify(name)}`, {
    limit: "sessions.maxPrograms",
    max,
    cure: "delete some first",
  });
}
