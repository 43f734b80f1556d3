import type { Transport } from "../http/mod.ts";
import type {
  Args,
  CallOptions,
  CallOutcome,
  DenPrograms,
  ListOptions,
  ListPage,
  Program,
  ProgramInfo,
  ProgramToPut,
  ProgramWriteOptions,
  PutProgram,
} from "../shapes/mod.ts";
import { decodeFields, encodeTree } from "../values/mod.ts";
import { JSON_BODY } from "./call_body.ts";
import type { Calls } from "./calls.ts";
import { conditionOf, invalid, pathPart } from "./conditions.ts";

/** The field of a program without which it cannot be used. */
const PROGRAM = { name: "text" } as const;

/** Programs: stored calls of tools, by name; global ones, or those of a session. */
export class Programs implements DenPrograms {
  readonly #transport: Transport;
  readonly #calls: Calls;
  readonly #sessionId: string | undefined;
  readonly #path: string;

  /** Shows the programs of a session, or, without an id, the global ones. */
  constructor(
    { transport, calls }: { readonly transport: Transport; readonly calls: Calls },
    sessionId?: string,
  ) {
    this.#transport = transport;
    this.#calls = calls;
    this.#sessionId = sessionId;
    this.#path = sessionId === undefined
      ? "/v1/programs"
      : `/v1/sessions/${encodeURIComponent(sessionId)}/programs`;
  }

  /**
   * Writes a program. Resolves when that is durable. The tool need not exist until it is run.
   *
   * @throws {SnakedenError} `version_conflict`, `session_quota_exceeded`, `unknown_session`,
   * `store_failed` or `invalid_input`.
   */
  async put(
    name: string,
    program: ProgramToPut,
    { ifVersion }: ProgramWriteOptions = {},
  ): Promise<PutProgram> {
    const action = "write the program";
    const path = this.#pathOf(action, name);
    const { args } = program;
    const body = args === undefined ? program : { ...program, args: encodeTree(args, "args") };
    const reply = await this.#transport.send({
      method: "PUT",
      path,
      body: JSON.stringify(body),
      headers: { ...JSON_BODY, ...conditionOf(action, ifVersion) },
    });
    const created = reply.response.status === 201;
    return { ...await reply.json<ProgramInfo>(PROGRAM), created };
  }

  /**
   * Returns a program. A session has only its own ones.
   *
   * @throws {SnakedenError} `unknown_program`, `unknown_session`, `store_failed` or
   * `invalid_input`.
   */
  async get(name: string): Promise<Program> {
    const reply = await this.#transport.send({ path: this.#pathOf("read the program", name) });
    return await reply.json<Program>(PROGRAM, (text) => decodeFields(text, ["args"]));
  }

  /**
   * Deletes a program. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_program`, `version_conflict`, `unknown_session`,
   * `store_failed` or `invalid_input`.
   */
  async delete(name: string, { ifVersion }: ProgramWriteOptions = {}): Promise<void> {
    const action = "delete the program";
    const path = this.#pathOf(action, name);
    const headers = conditionOf(action, ifVersion);
    await (await this.#transport.send({ method: "DELETE", path, headers })).text();
  }

  /**
   * Lists programs without their calls, in a fixed order.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async list({ cursor, limit }: ListOptions = {}): Promise<ListPage<ProgramInfo>> {
    const reply = await this.#transport.send({ path: this.#path, query: { cursor, limit } });
    const { programs, ...rest } = await reply.json<
      { programs: ProgramInfo[]; cursor?: string }
    >({ programs: "objects" });
    return { items: programs, ...rest };
  }

  /**
   * Runs a program and returns the result of its tool, decoded. The program of the session of the
   * call counts, else the global one. `args` replace stored arguments by name, and `options` win
   * over stored ones.
   *
   * @throws {SnakedenError} `unknown_program`, and the errors of {@link SnakedenClient.execute}.
   */
  async run<T = unknown>(name: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    return (await this.call(name, args, options)).value.decode() as T;
  }

  /**
   * Runs a program like {@link Programs.run}. Returns the outcome of the call.
   *
   * @throws {SnakedenError} See {@link Programs.run}.
   */
  async call(name: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    pathPart("run the program", "name", name);
    return await this.#calls.call({ program: name }, args, this.#withSession(options));
  }

  #withSession(options: CallOptions): CallOptions {
    if (this.#sessionId === undefined) return options;
    const { sessionId = this.#sessionId } = options;
    if (sessionId === this.#sessionId) return { ...options, sessionId };
    const message = `given that of another session; allowed: ${JSON.stringify(this.#sessionId)}`;
    throw invalid("make the call", { path: "sessionId", message });
  }

  #pathOf(action: string, name: string): string {
    return `${this.#path}/${pathPart(action, "name", name)}`;
  }
}
