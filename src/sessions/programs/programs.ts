import type { Value } from "../../bridge/mod.ts";
import {
  type Args,
  type CallOptions,
  type Calls,
  checkCallOptions,
  encodeArgs,
  type FoundCall,
  invalidCall,
  type ToolStream,
} from "../../calls/mod.ts";
import { showCaller } from "../../caller_stack.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import type { CallOutcome } from "../../pool/mod.ts";
import { invalidInput, unknownProgram } from "../session_errors.ts";
import {
  checkedPage,
  type ListOptions,
  type ListPage,
  nameIssue,
  unknownKeys,
  versionIssues,
} from "../session_options.ts";
import type { SessionKey, SessionRows } from "../session_rows.ts";
import {
  checkedBody,
  defined,
  type FoundProgram,
  infoOf,
  type Program,
  type ProgramInfo,
  type ProgramLimits,
  programOf,
  type ProgramToPut,
  type PutProgram,
  type StoredProgram,
} from "./program.ts";
import type { ProgramOwner, ProgramRows } from "./program_rows.ts";

/** Options of the writes of {@link Programs}. */
export interface ProgramWriteOptions {
  /** Writes only if the program has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number;
}

/** The call that a run of a program makes. */
export interface ResolvedCall extends FoundCall {
  readonly args: Value;
}

/** Dependencies of {@link Programs}. */
export interface ProgramsDeps {
  readonly rows: SessionRows;
  readonly programs: ProgramRows;
  readonly programLimits: ProgramLimits;
  /** Returns the calls of the host, by which programs are run. */
  readonly calls: () => Pick<Calls, "execute" | "call" | "streamOf">;
  /** Called at each use of the global programs. */
  readonly onUse: () => void;
}

/**
 * Programs: stored calls of tools, by name. Those of `den.programs` are global, those of
 * `session.programs` are for the calls of the session. A run looks for the program in the session
 * of its call first, and then among the global ones.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * await den.programs.put("sum", { tool: "add", args: { a: 1, b: 2 }, timeoutMs: 5_000 });
 * console.log(await den.programs.run<number>("sum", { b: 40 }));
 * ```
 */
export class Programs {
  readonly #session: SessionKey | null;
  readonly #deps: ProgramsDeps;

  /** Shows the programs of a session, or, with null, the global ones. */
  constructor(session: SessionKey | null, deps: ProgramsDeps) {
    this.#session = session;
    this.#deps = deps;
  }

  /**
   * Writes a program. Resolves when that is durable. The tool need not exist until it is run.
   *
   * @throws {SnakedenError} `version_conflict`, `session_quota_exceeded`, `unknown_session`,
   * `store_failed`, or `invalid_input` naming every field that is wrong.
   */
  async put(
    name: string,
    program: ProgramToPut,
    options: ProgramWriteOptions = {},
  ): Promise<PutProgram> {
    const { programs, programLimits } = this.#deps;
    const { body, bytes } = checkedBody(program, programLimits, writeIssues(name, options));
    const owner = await this.#owner();
    const { version, updatedAt } = await programs.put(owner, {
      name,
      body,
      ifVersion: options.ifVersion,
    });
    return { ...infoOf({ name, version, updatedAt, bytes }), created: version === 1 };
  }

  /**
   * Returns a program. Its values are copies. A session has only its own ones.
   *
   * @throws {SnakedenError} `unknown_program`, `unknown_session`, `store_failed` or
   * `invalid_input`.
   */
  async get(name: string): Promise<Program> {
    return programOf(await this.getStored(name));
  }

  /**
   * Returns a program whose arguments are still encoded, as HTTP sends them.
   *
   * @throws {SnakedenError} See {@link Programs.get}.
   */
  async getStored(name: string): Promise<StoredProgram> {
    checkName("read the program", name);
    const found = await this.#deps.programs.find(await this.#owner(), name);
    if (found === undefined) throw unknownProgram(name, this.#session ?? undefined);
    return found;
  }

  /**
   * Returns the program that a run of this name would call, one of the session or a global one;
   * undefined if there is none.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async findStored(name: string): Promise<FoundProgram | undefined> {
    checkName("read the program", name);
    return await this.#find(await this.#owner(), name);
  }

  /**
   * Deletes a program. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_program`, `version_conflict`, `unknown_session`,
   * `store_failed` or `invalid_input`.
   */
  async delete(name: string, options: ProgramWriteOptions = {}): Promise<void> {
    const issues = writeIssues(name, options);
    if (issues.length > 0) throw invalidInput("delete the program", issues);
    await this.#deps.programs.drop(await this.#owner(), name, options.ifVersion);
  }

  /**
   * Lists programs without their calls, in a fixed order.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async list(options: ListOptions = {}): Promise<ListPage<ProgramInfo>> {
    const ask = checkedPage("list programs", options);
    const { items, next } = await this.#deps.programs.list(await this.#owner(), ask);
    return { items: items.map(infoOf), ...(next === undefined ? {} : { cursor: next }) };
  }

  /**
   * Runs a program and returns the result of its tool, decoded. The program of the session of the
   * call counts, else the global one. `args` replace stored arguments by name, and `options` win
   * over stored ones. They are those of {@link Snakeden.execute}; a run of `session.programs`
   * has its `sessionId`.
   *
   * @throws {SnakedenError} `unknown_program`, and the errors of {@link Snakeden.execute}.
   */
  async run<T = unknown>(name: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    try {
      const call = await this.resolve(name, args, options);
      return await this.#deps.calls().execute(call.tool, call.args, call.options) as T;
    } catch (error) {
      showCaller(error, { below: this.run, signal: options.signal });
      throw error;
    }
  }

  /**
   * Runs a program like {@link Programs.run}. Returns the outcome of the call, with its worker and
   * its times; the value is still encoded.
   *
   * @throws {SnakedenError} See {@link Programs.run}.
   */
  async call(name: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    try {
      const call = await this.resolve(name, args, options);
      return await this.#deps.calls().call(call.tool, call.args, call.options);
    } catch (error) {
      showCaller(error, { below: this.call, signal: options.signal });
      throw error;
    }
  }

  /**
   * Runs a program and returns a stream, as {@link Snakeden.stream} does. The first read looks up
   * the program. It also throws the errors of {@link Programs.run}.
   */
  stream<T = unknown>(name: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    const find = (): Promise<FoundCall> => this.resolve(name, args, options);
    return this.#deps.calls().streamOf<T>(find, options.signal);
  }

  /**
   * Returns the call that a run would make.
   *
   * @throws {SnakedenError} `unknown_program`, `unknown_session`, `store_failed`, `invalid_value`
   * or `invalid_input`.
   */
  async resolve(name: string, args: Args = {}, options: CallOptions = {}): Promise<ResolvedCall> {
    checkName("run the program", name);
    const given = this.#withSession(options);
    checkCallOptions(given);
    const owner = await this.#owner() ?? await this.#sessionOf(given);
    const found = await this.#find(owner, name);
    if (found === undefined) {
      const { sessionId: id } = given;
      throw unknownProgram(name, id === undefined ? undefined : { id, thenGlobal: true });
    }
    const { programLimits: { maxDepth } } = this.#deps;
    const encoded = encodeArgs(args, { maxDepth, name: "args" });
    const { tool, metadata: _metadata, ...stored } = found.call;
    return {
      tool,
      args: completed(encoded, found.args),
      options: { ...stored, ...defined(given) },
    };
  }

  /** @throws {SnakedenError} `unknown_session`. */
  async #owner(): Promise<ProgramOwner> {
    const { rows, onUse } = this.#deps;
    if (this.#session !== null) return await rows.require(this.#session);
    onUse();
    return null;
  }

  /** Returns the session of a call, which need not exist: calls may name others. */
  async #sessionOf({ sessionId }: CallOptions): Promise<ProgramOwner> {
    if (sessionId === undefined) return null;
    return await this.#deps.rows.find(sessionId) ?? null;
  }

  async #find(owner: ProgramOwner, name: string): Promise<FoundProgram | undefined> {
    const { programs } = this.#deps;
    const own = owner === null ? undefined : await programs.find(owner, name);
    const found = own ?? await programs.find(null, name);
    return found && { ...found, isOwn: own !== undefined || this.#session === null };
  }

  #withSession(options: CallOptions): CallOptions {
    if (this.#session === null) return options;
    const { id } = this.#session;
    const { sessionId = id } = options;
    if (sessionId === id) return { ...options, sessionId };
    const message = `given that of another session; allowed: ${JSON.stringify(id)}`;
    throw invalidCall([{ path: "sessionId", message }]);
  }
}

/**
 * Returns the arguments of a run with those that are stored.
 *
 * @throws {InvalidInputError} `invalid_input` for an argument with the name of tags.
 */
function completed(args: Value, stored: Value | undefined): Value {
  if (stored === undefined) return args;
  try {
    return args.withDefaults(stored);
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    throw invalidCall([{ path: "args", message: error.message }]);
  }
}

function checkName(action: string, name: string): void {
  const issue = nameIssue("name", name);
  if (issue !== undefined) throw invalidInput(action, [issue]);
}

function writeIssues(name: string, options: ProgramWriteOptions): FieldIssue[] {
  const issue = nameIssue("name", name);
  return [
    ...(issue === undefined ? [] : [issue]),
    ...unknownKeys(options, ["ifVersion"]),
    ...versionIssues("ifVersion", options.ifVersion),
  ];
}
