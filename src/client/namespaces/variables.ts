import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { type AnswerFields, isProblem, problemError, type Transport } from "../http/mod.ts";
import type {
  ChangeOptions,
  DenVariables,
  ListedVariable,
  ListOptions,
  ListPage,
  SetOptions,
  SetResult,
  Variable,
  VariableChange,
  VariableInfo,
  VariableToSet,
} from "../shapes/mod.ts";
import { decodeTree, encodeTree, parseExactJson, rawOf } from "../values/mod.ts";
import { JSON_BODY } from "./call_body.ts";
import { followChanges, positionOf } from "./changes.ts";
import { conditionOf, pathPart } from "./conditions.ts";

/** From this size on, bytes and arrays are sent as they are, without base64. */
const MIN_RAW_BYTES = 64 * 1024;

/** The variables of a session: typed, versioned, and stored before a write resolves. */
export class Variables implements DenVariables {
  readonly #session: string;
  readonly #transport: Transport;

  /**
   * Shows the variables of a session. Programs get them from {@link Session.variables}.
   *
   * @param session The path of the session.
   */
  constructor(session: string, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
  }

  /**
   * Returns a variable.
   *
   * @throws {SnakedenError} `unknown_variable`, `unknown_session`, or `invalid_input`.
   */
  async get<T = unknown>(name: string): Promise<Variable<T>> {
    const reply = await this.#transport.send({ path: this.#pathOf("read variables", name) });
    return await reply.json<Variable<T>>(
      { name: "text", value: "anything" },
      (text) => decoded(parseExactJson(text)),
    );
  }

  /**
   * Returns variables by their names. The result has none that do not exist.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input`.
   */
  async getMany(names: readonly string[]): Promise<Map<string, Variable>> {
    const { get = [] } = await this.#batch({ get: names });
    return new Map(get.map((it) => [it.name, it]));
  }

  /**
   * Sets a variable. Resolves when that is durable.
   *
   * @throws {SnakedenError} `invalid_variable` if the value has the wrong type or breaks a
   * constraint, `version_conflict`, `session_quota_exceeded`, `unknown_session`, or
   * `invalid_input`.
   */
  async set(name: string, value: unknown, options: SetOptions = {}): Promise<VariableInfo> {
    const action = "set the variable";
    const path = this.#pathOf(action, name);
    const { ifVersion, ...fields } = options;
    const condition = conditionOf(action, ifVersion);
    const raw = rawOf(value);
    if (raw !== undefined && raw.bytes.byteLength >= MIN_RAW_BYTES) {
      const { type, constraints } = fields;
      const reply = await this.#transport.send({
        method: "PUT",
        path,
        query: { type, constraints: constraints && JSON.stringify(constraints) },
        body: raw.bytes as Uint8Array<ArrayBuffer>,
        headers: {
          "content-type": "application/octet-stream",
          ...(raw.dtype === undefined ? {} : { "snakeden-dtype": raw.dtype }),
          ...(raw.shape === undefined ? {} : { "snakeden-shape": raw.shape.join(",") }),
          ...condition,
        },
      });
      return await reply.json<VariableInfo>({ name: "text" });
    }
    const reply = await this.#transport.send({
      method: "PUT",
      path,
      // The value of the library may be undefined too, which stands for null.
      body: JSON.stringify({ ...fields, value: encodeTree(value ?? null, "value") }),
      headers: { ...JSON_BODY, ...condition },
    });
    return await reply.json<VariableInfo>({ name: "text" });
  }

  /**
   * Sets up to 1000 variables. Each succeeds or fails by itself. Resolves when they are durable,
   * with a result for each, in order.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input` naming every wrong field.
   */
  async setMany(items: readonly VariableToSet[]): Promise<SetResult[]> {
    const list = items.map((it, i) => ({
      ...it,
      value: encodeTree(it.value ?? null, `[${i}].value`),
    }));
    const { set = [] } = await this.#batch({ set: list });
    return set.map(({ name, variable, problem }): SetResult => {
      if (variable !== undefined) return { name, ok: true, variable };
      const error = isProblem(problem)
        ? problemError(problem)
        : new SnakedenError("unexpected_answer", `No result for the variable ${name}`);
      return { name, ok: false, error };
    });
  }

  /**
   * Deletes a variable. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_variable`, `version_conflict`, `unknown_session`, or
   * `invalid_input`.
   */
  async delete(name: string, { ifVersion }: { readonly ifVersion?: number } = {}): Promise<void> {
    const action = "delete the variable";
    const path = this.#pathOf(action, name);
    const headers = conditionOf(action, ifVersion);
    await (await this.#transport.send({ method: "DELETE", path, headers })).text();
  }

  /**
   * Lists variables, in a fixed order. Those with a value of more than 4 KiB come without it.
   *
   * @throws {SnakedenError} `unknown_session`, or `invalid_input`.
   */
  async list({ cursor, limit }: ListOptions = {}): Promise<ListPage<ListedVariable>> {
    const path = `${this.#session}/variables`;
    const reply = await this.#transport.send({ path, query: { cursor, limit } });
    const { variables, ...rest } = await reply.json<
      { variables: ListedVariable[]; cursor?: string }
    >({ variables: "objects" }, parseExactJson);
    return { items: variables.map((it) => decoded<ListedVariable>(it)), ...rest };
  }

  /**
   * Returns the position of the last change, for {@link Variables.changes}.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async position(): Promise<string> {
    return await positionOf(this.#session, this.#transport);
  }

  /**
   * Follows the changes of the variables: those after `after`, or those from the moment on at which
   * the host receives the request. Reconnects by itself, without a loss. Ends when the session
   * does, and throws the reason of the signal.
   *
   * @throws {SnakedenError} `unknown_session`; `invalid_input` if `after` is not a position;
   * `connection_lost` if the host stays away, with the `position` to go on from.
   */
  changes(options: ChangeOptions = {}): AsyncIterableIterator<VariableChange> {
    return followChanges(this.#session, this.#transport, options);
  }

  async #batch(batch: Batch): Promise<BatchAnswer> {
    try {
      const reply = await this.#transport.send({
        method: "POST",
        path: `${this.#session}/variables/batch`,
        body: JSON.stringify(batch),
        headers: JSON_BODY,
        isRepeatable: batch.set === undefined,
      });
      const fields: AnswerFields = {
        ...(batch.get === undefined ? {} : { get: "objects" }),
        ...(batch.set === undefined ? {} : { set: "objects" }),
      };
      const answer = await reply.json<BatchAnswer>(fields, parseExactJson);
      const { get, ...rest } = answer;
      return get === undefined ? rest : { ...rest, get: get.map((it) => decoded<Variable>(it)) };
    } catch (error) {
      throw ofItems(error);
    }
  }

  #pathOf(action: string, name: string): string {
    return `${this.#session}/variables/${pathPart(action, "name", name)}`;
  }
}

interface Batch {
  readonly get?: readonly string[];
  readonly set?: readonly object[];
}

interface BatchAnswer {
  readonly get?: readonly Variable[];
  readonly set?: readonly {
    readonly name: string;
    readonly variable?: VariableInfo;
    readonly problem?: unknown;
  }[];
}

function decoded<T>(variable: unknown): T {
  if (!isRecord(variable)) return variable as T;
  const fields: Record<string, unknown> = variable;
  return ("value" in fields ? { ...fields, value: decodeTree(fields["value"]) } : fields) as T;
}

/** Returns the error whose issues name the items of a list, as in the library. */
function ofItems(error: unknown): unknown {
  if (!(error instanceof InvalidInputError) || error.code !== "invalid_input") return error;
  const issues = error.issues.map(({ path, message }) => ({
    path: path.replace(/^(?:get|set)(?=\[|$)/, ""),
    message,
  }));
  const renamed = new InvalidInputError(error.message, issues);
  if (error.requestId !== undefined) renamed.requestId = error.requestId;
  return renamed;
}
