import { shownValue } from "../../calls/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { type ChangeOptions, followChanges, lastPosition, type VariableChange } from "./changes.ts";
import { invalidInput, unknownVariable } from "../session_errors.ts";
import {
  checkedPage,
  type ListOptions,
  type ListPage,
  nameIssue,
  unknownKeys,
  versionIssues,
} from "../session_options.ts";
import type { SessionKey, SharedDeps } from "../session_rows.ts";
import {
  type Constraints,
  infoOf,
  type StoredVariable,
  storedVariable,
  type Variable,
  type VariableInfo,
  variableOf,
  variableOfAny,
  type VariableType,
} from "../values/mod.ts";
import type {
  VariableRows,
  VariableRowsDeps,
  VariableWrite,
  WriteResult,
} from "./variable_rows.ts";

/** Options of {@link Variables.set}. */
export interface SetOptions {
  /** Default: the type that the variable has, else the one that fits the value. */
  readonly type?: VariableType;
  /** Limits on this value and later ones. Default: those that the variable has. */
  readonly constraints?: Constraints;
  /** Writes only if the variable has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number;
}

/** A variable of {@link Variables.setMany}. */
export interface VariableToSet extends SetOptions {
  readonly name: string;
  readonly value: unknown;
}

/** The result of {@link Variables.setMany} for one variable. */
export type SetResult =
  | { readonly name: string; readonly ok: true; readonly variable: VariableInfo }
  | { readonly name: string; readonly ok: false; readonly error: SnakedenError };

/** A variable of a list, without its value if that is longer than 4 KiB. */
export type ListedVariable = VariableInfo & { readonly value?: unknown };

/** Dependencies of {@link Variables}. */
export interface VariablesDeps extends Pick<SharedDeps, "store">, Pick<VariableRowsDeps, "rows"> {
  readonly variables: VariableRows;
}

/** The most variables of one call. */
const MAX_BATCH = 1_000;
/** The longest value of a variable in a list. */
const LISTED_BYTES = 4 * 1024;

/**
 * The variables of a session: typed, versioned, and stored before a write resolves. Every method
 * throws `unknown_session` once the session has expired or was deleted.
 */
export class Variables {
  readonly #key: SessionKey;
  readonly #deps: VariablesDeps;

  /** Shows the variables of a session. Programs get them from {@link Session.variables}. */
  constructor(key: SessionKey, deps: VariablesDeps) {
    this.#key = key;
    this.#deps = deps;
  }

  /**
   * Returns a variable. Its value is a copy.
   *
   * @throws {SnakedenError} `unknown_variable`, `unknown_session`, or `invalid_input`.
   */
  async get<T = unknown>(name: string): Promise<Variable<T>> {
    const { rows, variables } = this.#deps;
    const session = rows.cached(this.#key);
    const cached = session && variables.cached(session, name);
    return await variableOfAny(cached ?? await this.getStored(name)) as Variable<T>;
  }

  /**
   * Returns a variable whose value is still encoded, as HTTP sends it.
   *
   * @throws {SnakedenError} See {@link Variables.get}.
   */
  async getStored(name: string): Promise<StoredVariable> {
    const [variable] = await this.#read([name]);
    if (variable === undefined) throw unknownVariable(this.#key.id, name);
    return variable;
  }

  /**
   * Returns variables by their names. The result has none that do not exist.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input`.
   */
  async getMany(names: readonly string[]): Promise<Map<string, Variable>> {
    const found = await this.#read(names);
    const known = found.filter((it) => it !== undefined);
    const variables = await Promise.all(known.map(variableOfAny));
    return new Map(variables.map((it) => [it.name, it]));
  }

  /**
   * Returns variables whose values are still encoded, in the order of their names; undefined for
   * one that does not exist.
   *
   * @throws {SnakedenError} See {@link Variables.getMany}.
   */
  async getManyStored(names: readonly string[]): Promise<(StoredVariable | undefined)[]> {
    return await this.#read(names);
  }

  /**
   * Returns the position of the last change, for {@link Variables.changes}.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async position(): Promise<string> {
    return await lastPosition(this.#key, this.#deps);
  }

  /**
   * Sets a variable. Resolves when that is durable.
   *
   * @throws {SnakedenError} `invalid_variable` if the value has the wrong type or breaks a
   * constraint, `version_conflict`, `session_quota_exceeded`, `unknown_session`, or
   * `invalid_input`.
   */
  async set(name: string, value: unknown, options: SetOptions = {}): Promise<VariableInfo> {
    const issues = [...nameIssues("name", name), ...optionIssues("", options)];
    if (issues.length > 0) throw invalidInput("set the variable", issues);
    const { type, constraints, ifVersion } = options;
    const [result] = await this.#write([{ name, value, type, constraints, ifVersion }]);
    if (result === undefined || result instanceof SnakedenError) throw result;
    return result;
  }

  /**
   * Sets up to 1000 variables. Each succeeds or fails by itself. Resolves when they are durable,
   * with a result for each, in order.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input` naming every wrong field.
   */
  async setMany(items: readonly VariableToSet[]): Promise<SetResult[]> {
    const issues = listIssues(items, "objects with a name and a value");
    if (issues.length === 0) {
      issues.push(...items.flatMap((item, i) => itemIssues(`[${i}]`, item)));
    }
    if (issues.length > 0) throw invalidInput("set the variables", issues);
    const results = await this.#write(items);
    return items.map(({ name }, i): SetResult => {
      const result = results[i];
      if (result === undefined) throw new TypeError(`no result for ${name}`);
      return result instanceof SnakedenError
        ? { name, ok: false, error: result }
        : { name, ok: true, variable: result };
    });
  }

  /**
   * Deletes a variable. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_variable`, `version_conflict`, `unknown_session`, or
   * `invalid_input`.
   */
  async delete(
    name: string,
    options: { readonly ifVersion?: number } = {},
  ): Promise<void> {
    const { ifVersion } = options;
    const issues = [
      ...nameIssues("name", name),
      ...unknownKeys(options, ["ifVersion"]),
      ...versionIssues("ifVersion", ifVersion),
    ];
    if (issues.length > 0) throw invalidInput("delete the variable", issues);
    const session = await this.#deps.rows.require(this.#key);
    await this.#deps.variables.drop(session, name, ifVersion);
  }

  /**
   * Lists variables, in a fixed order. Those with a long value come without it.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input`.
   */
  async list(options: ListOptions = {}): Promise<ListPage<ListedVariable>> {
    const { items, cursor } = await this.listStored(options);
    return {
      items: items.map((it) => it.encoded === undefined ? it.info : variableOf(it)),
      ...(cursor === undefined ? {} : { cursor }),
    };
  }

  /**
   * Lists variables whose values are still encoded, as HTTP sends them.
   *
   * @throws {SnakedenError} See {@link Variables.list}.
   */
  async listStored(
    options: ListOptions = {},
  ): Promise<ListPage<StoredVariable | { readonly info: VariableInfo; readonly encoded?: never }>> {
    const ask = checkedPage("list variables", options);
    const { store, rows } = this.#deps;
    const { id, life } = await rows.require(this.#key);
    const page = await store.listVars(id, { ...ask, maxValueBytes: LISTED_BYTES }, life);
    if (page === undefined) throw rows.gone(id);
    return {
      items: page.items.map((it) =>
        it.value === undefined ? { info: infoOf(it) } : storedVariable(it, it.value)
      ),
      ...(page.next === undefined ? {} : { cursor: page.next }),
    };
  }

  /**
   * Follows the changes of the variables: those after `after`, or those from now on. Ends when the
   * session does, and throws the reason of the signal.
   *
   * @throws {InvalidInputError} `invalid_input` if `after` is not a position.
   *
   * @example
   * ```ts ignore
   * for await (const change of session.variables.changes({ signal })) console.log(change.name);
   * ```
   */
  changes(options: ChangeOptions = {}): AsyncIterableIterator<VariableChange> {
    return followChanges(this.#key, { ...this.#deps, ...options });
  }

  async #read(names: readonly string[]): Promise<(StoredVariable | undefined)[]> {
    const issues = listIssues(names, "names");
    if (issues.length === 0) issues.push(...names.flatMap((name) => nameIssues("name", name)));
    if (issues.length > 0) throw invalidInput("read variables", issues);
    return await this.#deps.variables.read(await this.#deps.rows.require(this.#key), names);
  }

  async #write(writes: readonly VariableWrite[]): Promise<readonly WriteResult[]> {
    const session = this.#deps.rows.cached(this.#key) ??
      await this.#deps.rows.require(this.#key);
    return await this.#deps.variables.write(session, writes);
  }
}

function nameIssues(path: string, name: unknown): FieldIssue[] {
  const issue = nameIssue(path, name);
  return issue === undefined ? [] : [issue];
}

function optionIssues(prefix: string, options: SetOptions): FieldIssue[] {
  return [
    ...unknownKeys(options, ["type", "constraints", "ifVersion"]),
    ...versionIssues("ifVersion", options.ifVersion),
  ].map(({ path, message }) => ({ path: `${prefix}${path}`, message }));
}

/** Returns what is wrong with an item of a batch, which plain JavaScript may have made. */
function itemIssues(path: string, item: VariableToSet): FieldIssue[] {
  if (!isRecord(item)) {
    const message = `given ${shownValue(item)}; allowed: an object with a name and a value`;
    return [{ path, message }];
  }
  const { name, value: _value, ...options } = item;
  return [...nameIssues(`${path}.name`, name), ...optionIssues(`${path}.`, options)];
}

/** Returns what is wrong with the list of a batch itself. */
function listIssues(list: unknown, items: string): FieldIssue[] {
  if (!Array.isArray(list)) {
    return [{ path: "", message: `given ${shownValue(list)}; allowed: an array of ${items}` }];
  }
  const { length } = list;
  if (length <= MAX_BATCH) return [];
  return [{ path: "", message: `given ${length} variables; allowed: at most ${MAX_BATCH}` }];
}
