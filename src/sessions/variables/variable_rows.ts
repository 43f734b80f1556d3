import { frameBytes, isLargeFrame, LargeFrames, type Value, writeFrame } from "../../bridge/mod.ts";
import type { SessionsConfig } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { JsonObject, NewVariable, SessionRow, SetAnswer } from "../../store/mod.ts";
import { Loads } from "../loads.ts";
import { Removals } from "./removals.ts";
import { unknownVariable } from "../session_errors.ts";
import type { SessionRows, SharedDeps } from "../session_rows.ts";
import { VariableCounts } from "./variable_counts.ts";
import { tooManyVariables, variableConflict, variableTooLong } from "./variable_errors.ts";
import {
  type AskedRules,
  checkedValue,
  type StoredVariable,
  storedVariable,
  type VariableInfo,
  type VariableRules,
} from "../values/mod.ts";

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
  readonly #removals = new Removals();
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
    return this.#cachedAt(keyOf(session, name));
  }

  #cachedAt(key: string): StoredVariable | undefined {
    return this.#deps.cache.get(key) as StoredVariable | undefined;
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
    return await Promise.all(names.map((name) => {
      const cached = this.cached(session, name);
      if (cached !== undefined || this.#counts.lacks(session, name)) return cached;
      return this.#load(session, name);
    }));
  }

  /**
   * Writes variables; each succeeds or fails by itself. Resolves when they are durable, with a
   * result for each.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`, for all of them.
   */
  async write(
    session: SessionRow,
    writes: readonly VariableWrite[],
  ): Promise<readonly WriteResult[]> {
    const { store, rows } = this.#deps;
    const preparing = this.#prepare(session, writes);
    const prepared = preparing instanceof Promise ? await preparing : preparing;
    const accepted = prepared.filter((it): it is Prepared => !(it instanceof SnakedenError));
    if (accepted.length === 0) return prepared as readonly SnakedenError[];
    let results: readonly WriteResult[] | undefined;
    try {
      for (const { key } of accepted) this.#removals.overtake(key);
      const answers = await store.setVars(
        session.id,
        accepted.map(({ row }) => row),
        session.life,
      );
      if (answers === undefined) throw rows.gone(session.id);
      let next = 0;
      results = prepared.map((it) => {
        if (it instanceof SnakedenError) return it;
        const answer = answers[next++];
        return answer?.state === "set"
          ? this.#written(it, answer)
          : this.#lost(session, it.row.name, answer?.version ?? 0);
      });
      return results;
    } catch (error) {
      for (const { key } of accepted) this.#forget(key);
      throw error;
    } finally {
      prepared.forEach((it, i) => {
        if (!(it instanceof SnakedenError)) this.#settle(session, it, results?.[i]);
      });
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
    const key = keyOf(session, name);
    const asked = this.#removals.run(
      key,
      () => store.dropVars(session.id, [{ name, expectVersion: ifVersion }], session.life),
    );
    const [answers, isOvertaken] = await asked.catch((error: unknown) => {
      this.#forget(key);
      throw error;
    });
    if (answers === undefined) throw rows.gone(session.id);
    const { state = "missing", version = 0 } = answers[0] ?? {};
    if (version === 0) throw unknownVariable(session.id, name);
    if (state !== "dropped") throw this.#lost(session, name, version);
    this.#loads.markStale(key);
    const writing = this.#writing.get(key);
    if (writing !== undefined) writing.version = Math.max(writing.version, version);
    // A write may have counted on what was dropped, and add it again.
    if (writing !== undefined || isOvertaken) this.#counts.forget(session);
    else this.#counts.remove(session, name);
    if ((this.cached(session, name)?.info.version ?? 0) < version) this.#deps.cache.delete(key);
  }

  async #load(session: SessionRow, name: string): Promise<StoredVariable | undefined> {
    const { store, rows } = this.#deps;
    const key = keyOf(session, name);
    return await this.#loads.run(key, async () => {
      const found = await store.getVars(session.id, [name], session.life);
      if (found === undefined) throw rows.gone(session.id);
      const [row] = found;
      return row && storedVariable(row, row.value);
    }, (it) => it && this.#keep(key, it));
  }

  /** Checks writes, in the order of the calls even if something must be read before. */
  #prepare(
    session: SessionRow,
    writes: readonly VariableWrite[],
  ): (Prepared | SnakedenError)[] | Promise<(Prepared | SnakedenError)[]> {
    const before = this.#preparing.get(session.id);
    if (before === undefined) {
      const known = new Known();
      for (const { name } of writes) {
        if (this.#knows(session, name)) continue;
        if (!this.#counts.lacks(session, name)) {
          return this.#inTurn(session, this.#readAndCheck(session, writes, undefined));
        }
        known.loaded.set(name, undefined);
      }
      known.room = known.loaded.size;
      if (known.room === 0 || this.#counts.hasRoom(session, known.room)) {
        const checked = this.#check(session, writes, known);
        const areSmall = checked.every((it) => it instanceof SnakedenError || !it.large);
        return areSmall ? checked : this.#inTurn(session, this.#encodeLarge(session, checked));
      }
    }
    return this.#inTurn(session, this.#readAndCheck(session, writes, before));
  }

  /** Lets the later writes of a session follow these. */
  async #inTurn<T>(session: SessionRow, mine: Promise<T>): Promise<T> {
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
    while (true) {
      // What was in memory may be dropped while this reads.
      const names = new Set(
        writes.map(({ name }) => name)
          .filter((it) => !known.loaded.has(it) && !this.#knows(session, it)),
      );
      if (names.size === 0) {
        return await this.#encodeLarge(session, this.#check(session, writes, known));
      }
      const found = await this.read(session, [...names]);
      [...names].forEach((name, i) => known.loaded.set(name, found[i]));
      const added = [...known.loaded.values()].filter((it) => it === undefined).length;
      known.room = await this.#counts.room(session, added, this.#namesInWriting(session));
    }
  }

  /** Returns the names of the variables of a session that are being written. */
  #namesInWriting(session: SessionRow): string[] {
    const prefix = keyOf(session, "");
    return [...this.#writing.keys()].flatMap((key) =>
      key.startsWith(prefix) ? [key.slice(prefix.length)] : []
    );
  }

  /** Writes the frames of large values, one after the other, to bound the memory. */
  async #encodeLarge(
    session: SessionRow,
    checked: (Prepared | SnakedenError)[],
  ): Promise<(Prepared | SnakedenError)[]> {
    const all: (Prepared | SnakedenError)[] = [];
    const frames = new LargeFrames();
    try {
      for (const it of checked) {
        if (it instanceof SnakedenError || it.large === undefined) all.push(it);
        else all.push({ ...it, row: { ...it.row, value: await frames.write(it.large) } });
      }
      return all;
    } catch (error) {
      // There may be no memory for a frame.
      for (const it of checked) {
        if (!(it instanceof SnakedenError)) this.#settle(session, it, undefined);
      }
      throw error;
    }
  }

  #knows(session: SessionRow, name: string): boolean {
    const key = keyOf(session, name);
    return this.#writing.has(key) || this.#deps.cache.get(key) !== undefined;
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
    const current = this.#cachedAt(key) ?? known.loaded.get(name);
    const version = current?.info.version ?? 0;
    // Versions only rise, so this one cannot come back. The store decides all other cases.
    if (ifVersion !== undefined && ifVersion > 0 && ifVersion < version) {
      throw variableConflict(name, version);
    }
    const writing = this.#writing.get(key);
    const before = writing?.rules ?? current;
    const isNew = before === undefined;
    if (isNew && known.room === 0) throw tooManyVariables(name, maxVariables);
    const { encoded, ...rules } = checkedValue(name, value, { asked: write, before, maxDepth });
    const bytes = frameBytes(encoded);
    if (bytes > maxVariableBytes) throw variableTooLong(name, bytes, maxVariableBytes);
    known.bytes += bytes;
    const large = isLargeFrame(known.bytes) ? encoded : undefined;
    if (isNew) known.room--;
    this.#counts.add(session, name, isNew);
    if (writing === undefined) this.#writing.set(key, { count: 1, rules, version: 0 });
    else {
      writing.count++;
      writing.rules = rules;
    }
    const { type, constraints } = rules;
    return {
      key,
      isNew,
      encoded,
      large,
      row: {
        name,
        type,
        value: large === undefined ? writeFrame(encoded) : new Uint8Array(),
        constraints: constraints as JsonObject | undefined,
        expectVersion: ifVersion,
      },
    };
  }

  #written({ key, row, encoded }: Prepared, { version, updatedAt }: SetAnswer): VariableInfo {
    const { name, type, constraints, value } = row;
    const head = { name, type, constraints, version, updatedAt, bytes: value.byteLength };
    const stored = storedVariable(head, value, encoded);
    this.#loads.markStale(key);
    const writing = this.#writing.get(key);
    if (writing === undefined || writing.version < version) {
      if (writing !== undefined) writing.version = version;
      this.#keep(key, stored);
    }
    return stored.info;
  }

  /** Returns the error of a write that the store has refused for another version. */
  #lost(session: SessionRow, name: string, version: number): SnakedenError {
    const key = keyOf(session, name);
    if (this.#cachedAt(key)?.info.version !== version) this.#forget(key);
    return variableConflict(name, version);
  }

  /** Forgets a variable that may have been written: the answer of the store can get lost. */
  #forget(key: string): void {
    this.#loads.markStale(key);
    this.#deps.cache.delete(key);
  }

  #settle(session: SessionRow, { key, isNew }: Prepared, result: WriteResult | undefined): void {
    if (isNew && (result === undefined || result instanceof SnakedenError)) {
      this.#counts.forget(session);
    }
    const writing = this.#writing.get(key);
    if (writing !== undefined && --writing.count === 0) this.#writing.delete(key);
  }

  #keep(key: string, variable: StoredVariable): void {
    const { name, bytes } = variable.info;
    this.#deps.cache.set(key, variable, ROW_BYTES + 2 * (key.length + name.length) + bytes);
  }
}

/** The variables that were read for writes. */
class Known {
  readonly loaded = new Map<string, StoredVariable | undefined>();
  /** The number of variables that may be added. */
  room = 0;
  /** The length of the values that were checked. */
  bytes = 0;
}

/** A write that was checked. */
interface Prepared {
  /** The key of the variable in memory. */
  readonly key: string;
  readonly encoded: Value;
  readonly row: NewVariable;
  /** True if there was no such variable. */
  readonly isNew: boolean;
  /** A value that is too large to be written to the row at once, with those before it. */
  readonly large: Value | undefined;
}

function keyOf({ id, life }: SessionRow, name: string): string {
  return `v${id} ${life} ${name}`;
}
