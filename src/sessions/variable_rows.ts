import type { SessionsConfig } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { JsonObject, NewVariable, SessionRow } from "../store/mod.ts";
import { Loads } from "./loads.ts";
import { quotaExceeded, unknownVariable, versionConflict } from "./session_errors.ts";
import type { SessionRows, SharedDeps } from "./session_rows.ts";
import { VariableCounts } from "./variable_counts.ts";
import {
  type AskedRules,
  checkedValue,
  refusedVariable,
  type StoredVariable,
  storedVariable,
  type VariableInfo,
  type VariableRules,
  writeFrame,
} from "./values/mod.ts";

/** A variable to write, with a name that is allowed. */
export interface VariableWrite extends AskedRules {
  readonly name: string;
  /** Any value that a call can carry, or one that is encoded. */
  readonly value: unknown;
  /** Writes only if the variable has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number | undefined;
}

/** A variable that was written, or the error of its write. */
export type WriteResult = VariableInfo | SnakedenError;

/** Dependencies of {@link VariableRows}. */
export interface VariableRowsDeps extends SharedDeps {
  readonly rows: SessionRows;
  readonly limits: Pick<SessionsConfig, "maxVariables" | "maxVariableBytes">;
  /** The deepest nesting of values. */
  readonly maxDepth: number;
}

/** The writes of one variable that the store has not answered. */
interface Writing {
  count: number;
  /** The rules of the last one, which those that follow inherit. */
  rules: VariableRules;
  /** The highest version that was answered. */
  version: number;
}

/** The bytes of a variable in memory, without its name and value. */
const ROW_BYTES = 600;

/**
 * The variables of a store, with those that were used last in memory. Readers see what the store
 * has confirmed, and nothing else.
 */
export class VariableRows {
  readonly #deps: VariableRowsDeps;
  readonly #loads = new Loads<StoredVariable | undefined>();
  readonly #writing = new Map<string, Writing>();
  readonly #counts: VariableCounts;
  /** The last write of each session that still reads what it needs; later ones follow it. */
  readonly #preparing = new Map<string, Promise<unknown>>();

  constructor(deps: VariableRowsDeps) {
    this.#deps = deps;
    const { store, cache, limits: { maxVariables: max } } = deps;
    this.#counts = new VariableCounts({ store, cache, max });
  }

  /** Returns a variable that is in memory. Undefined says nothing about those in the store. */
  cached(session: SessionRow, name: string): StoredVariable | undefined {
    return this.#deps.cache.get(keyOf(session, name)) as StoredVariable | undefined;
  }

  /**
   * Returns variables in the order of their names; undefined for one that does not exist.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async read(
    session: SessionRow,
    names: readonly string[],
  ): Promise<(StoredVariable | undefined)[]> {
    return await Promise.all(
      names.map((name) => this.cached(session, name) ?? this.#load(session, name)),
    );
  }

  /**
   * Writes variables, each on its own terms. Resolves when they are durable, with a result for
   * each.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`, for all of them.
   */
  async write(
    session: SessionRow,
    writes: readonly VariableWrite[],
  ): Promise<readonly WriteResult[]> {
    const { store, rows } = this.#deps;
    const prepared = await this.#prepare(session, writes);
    const accepted = prepared.filter((it): it is Prepared => !(it instanceof SnakedenError));
    const results = new Map<Prepared, WriteResult>();
    try {
      if (accepted.length > 0) {
        const answers = await store.setVars(session.id, accepted.map(({ row }) => row));
        if (answers === undefined) throw rows.gone(session.id);
        accepted.forEach((it, i) => {
          const answer = answers[i];
          if (answer?.state === "set") results.set(it, this.#written(session, it, answer.version));
          else results.set(it, this.#lost(session, it.row.name, answer?.version ?? 0));
        });
      }
      return prepared.map((it) =>
        it instanceof SnakedenError ? it : results.get(it) ?? conflict(it.row.name, 0)
      );
    } catch (error) {
      for (const { row } of accepted) this.#forget(session, row.name);
      throw error;
    } finally {
      for (const it of accepted) this.#settle(session, it, results.get(it));
    }
  }

  /**
   * Removes a variable.
   *
   * @throws {SnakedenError} `unknown_variable`, `version_conflict`, `unknown_session` or
   * `store_failed`.
   */
  async drop(session: SessionRow, name: string, ifVersion?: number): Promise<void> {
    const { store, rows } = this.#deps;
    const asked = store.dropVars(session.id, [{ name, expectVersion: ifVersion }]);
    const answers = await asked.catch((error: unknown) => {
      this.#forget(session, name);
      throw error;
    });
    if (answers === undefined) throw rows.gone(session.id);
    const { state = "missing", version = 0 } = answers[0] ?? {};
    if (version === 0) throw unknownVariable(session.id, name);
    if (state !== "dropped") throw this.#lost(session, name, version);
    const key = keyOf(session, name);
    this.#loads.markStale(key);
    this.#counts.add(session, -1);
    const writing = this.#writing.get(key);
    if (writing !== undefined) writing.version = Math.max(writing.version, version);
    if ((this.cached(session, name)?.info.version ?? 0) < version) this.#deps.cache.delete(key);
  }

  async #load(session: SessionRow, name: string): Promise<StoredVariable | undefined> {
    const { store, rows } = this.#deps;
    return await this.#loads.run(keyOf(session, name), async () => {
      const found = await store.getVars(session.id, [name]);
      if (found === undefined) throw rows.gone(session.id);
      const [row] = found;
      return row && storedVariable(row, row.value);
    }, (it) => it && this.#keep(session, it));
  }

  /** Checks writes, in the order of the calls even if something must be read before. */
  async #prepare(
    session: SessionRow,
    writes: readonly VariableWrite[],
  ): Promise<(Prepared | SnakedenError)[]> {
    const before = this.#preparing.get(session.id);
    if (before === undefined && writes.every((it) => this.#knows(session, it.name))) {
      return this.#check(session, writes, new Known());
    }
    const mine = this.#readAndCheck(session, writes, before);
    this.#preparing.set(session.id, mine);
    try {
      return await mine;
    } finally {
      if (this.#preparing.get(session.id) === mine) this.#preparing.delete(session.id);
    }
  }

  async #readAndCheck(
    session: SessionRow,
    writes: readonly VariableWrite[],
    before: Promise<unknown> | undefined,
  ): Promise<(Prepared | SnakedenError)[]> {
    await before?.catch(() => {});
    const known = new Known();
    const names = new Set(writes.map(({ name }) => name).filter((it) => !this.#knows(session, it)));
    const found = await this.read(session, [...names]);
    [...names].forEach((name, i) => known.loaded.set(name, found[i]));
    const added = found.filter((it) => it === undefined).length;
    known.room = await this.#counts.room(session, added);
    return this.#check(session, writes, known);
  }

  #knows(session: SessionRow, name: string): boolean {
    return this.#writing.has(keyOf(session, name)) || this.cached(session, name) !== undefined;
  }

  #check(
    session: SessionRow,
    writes: readonly VariableWrite[],
    known: Known,
  ): (Prepared | SnakedenError)[] {
    return writes.map((write) => {
      try {
        return this.#checkOne(session, write, known);
      } catch (error) {
        if (error instanceof SnakedenError) return error;
        throw error;
      }
    });
  }

  /** Checks a write. From here on, those that follow inherit its rules. */
  #checkOne(session: SessionRow, write: VariableWrite, known: Known): Prepared {
    const { name, value, ifVersion } = write;
    const { maxDepth, limits: { maxVariableBytes, maxVariables } } = this.#deps;
    const key = keyOf(session, name);
    const current = this.cached(session, name) ?? known.loaded.get(name);
    const version = current?.info.version ?? 0;
    // Versions only rise, so this one cannot come back. The store decides all other cases.
    if (ifVersion !== undefined && ifVersion > 0 && ifVersion < version) {
      throw conflict(name, version);
    }
    const writing = this.#writing.get(key);
    const before = writing?.rules ?? current;
    const isNew = before === undefined;
    if (isNew && known.room === 0) throw tooMany(name, maxVariables);
    const { encoded, ...rules } = checkedValue(name, value, { asked: write, before, maxDepth });
    if (encoded.weight > 2 * maxVariableBytes) {
      throw tooLong(name, encoded.weight, maxVariableBytes);
    }
    const frame = writeFrame(encoded);
    if (frame.byteLength > maxVariableBytes) {
      throw tooLong(name, frame.byteLength, maxVariableBytes);
    }
    if (isNew) {
      known.room--;
      this.#counts.add(session, 1);
    }
    if (writing === undefined) this.#writing.set(key, { count: 1, rules, version: 0 });
    else {
      writing.count++;
      writing.rules = rules;
    }
    const { type, constraints } = rules;
    return {
      isNew,
      row: {
        name,
        type,
        value: frame,
        constraints: constraints as JsonObject | undefined,
        expectVersion: ifVersion,
      },
    };
  }

  #written(session: SessionRow, { row }: Prepared, version: number): VariableInfo {
    const { name, type, constraints, value } = row;
    const updatedAt = this.#deps.now();
    const head = { name, type, constraints, version, updatedAt, bytes: value.byteLength };
    const stored = storedVariable(head, value);
    const key = keyOf(session, name);
    this.#loads.markStale(key);
    const writing = this.#writing.get(key);
    if (writing === undefined || writing.version < version) {
      if (writing !== undefined) writing.version = version;
      this.#keep(session, stored);
    }
    return stored.info;
  }

  /** Returns the error of a write that the store has refused for another version. */
  #lost(session: SessionRow, name: string, version: number): SnakedenError {
    if (this.cached(session, name)?.info.version !== version) this.#forget(session, name);
    return conflict(name, version);
  }

  /** Forgets a variable that may have been written: the answer of the store can get lost. */
  #forget(session: SessionRow, name: string): void {
    const key = keyOf(session, name);
    this.#loads.markStale(key);
    this.#deps.cache.delete(key);
  }

  #settle(session: SessionRow, { row, isNew }: Prepared, result: WriteResult | undefined): void {
    if (isNew && (result === undefined || result instanceof SnakedenError)) {
      this.#counts.add(session, -1);
    }
    const key = keyOf(session, row.name);
    const writing = this.#writing.get(key);
    if (writing !== undefined && --writing.count === 0) this.#writing.delete(key);
  }

  #keep(session: SessionRow, variable: StoredVariable): void {
    const { name, bytes } = variable.info;
    const key = keyOf(session, name);
    this.#deps.cache.set(key, variable, ROW_BYTES + 2 * (key.length + name.length) + bytes);
  }
}

/** The variables that were read for writes. */
class Known {
  readonly loaded = new Map<string, StoredVariable | undefined>();
  /** The number of variables that may be added. */
  room = 0;
}

/** A write that was checked. */
interface Prepared {
  readonly row: NewVariable;
  /** True if there was no such variable. */
  readonly isNew: boolean;
}

function keyOf({ id, life }: SessionRow, name: string): string {
  return `v${id} ${life} ${name}`;
}

function conflict(name: string, version: number): SnakedenError {
  return versionConflict(`the variable ${JSON.stringify(name)}`, version === 0 ? null : version);
}

function tooMany(name: string, max: number): SnakedenError {
  return quotaExceeded(`the variable ${JSON.stringify(name)}`, {
    limit: "sessions.maxVariables",
    max,
    cure: "delete some first",
  });
}

function tooLong(name: string, bytes: number, max: number): SnakedenError {
  return refusedVariable(name, [{
    path: "value",
    message: `given ${bytes} bytes; allowed: ${max} bytes (sessions.maxVariableBytes)`,
  }]);
}
