import type { Transport } from "../http/mod.ts";
import type {
  BoundWorker,
  DenSession,
  DenSessions,
  JsonObject,
  ListOptions,
  ListPage,
  OpenOptions,
  SessionInfo,
  UpdateOptions,
} from "../shapes/mod.ts";
import { JSON_BODY } from "./call_body.ts";
import type { Calls } from "./calls.ts";
import { conditionOf, pathPart } from "./conditions.ts";
import { Programs } from "./programs.ts";
import { Variables } from "./variables.ts";

/** The field of a session without which it cannot be used. */
const SESSION = { id: "text" } as const;

/** A session that was opened. */
export interface OpenedSession {
  readonly session: Session;
  /** True if it did not exist before. */
  readonly created: boolean;
}

/** Dependencies of {@link Sessions} and {@link Session}. */
export interface SessionsDeps {
  readonly transport: Transport;
  readonly calls: Calls;
}

/** The sessions of a host. */
export class Sessions implements DenSessions {
  readonly #deps: SessionsDeps;

  /** Programs get theirs from {@link SnakedenClient.sessions}. */
  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the session with this id, and opens it if it does not exist. An existing one stays as
   * it is. Without an id, opens one with an id of its own.
   *
   * @throws {SnakedenError} `session_quota_exceeded`, `store_failed` or `invalid_input`.
   */
  async open(id?: string, options: OpenOptions = {}): Promise<Session> {
    if (id !== undefined) return (await this.ensure(id, options)).session;
    const reply = await this.#deps.transport.send({
      method: "POST",
      path: "/v1/sessions",
      body: JSON.stringify(options),
      headers: JSON_BODY,
    });
    return new Session(await reply.json<SessionInfo>(SESSION), this.#deps);
  }

  /**
   * Does the same as {@link Sessions.open}, and says whether the session existed.
   *
   * @throws {SnakedenError} See {@link Sessions.open}.
   */
  async ensure(id: string, options: OpenOptions = {}): Promise<OpenedSession> {
    const reply = await this.#deps.transport.send({
      method: "PUT",
      path: `/v1/sessions/${pathPart("use the session", "id", id)}`,
      body: JSON.stringify(options),
      headers: JSON_BODY,
    });
    const created = reply.response.status === 201;
    return { session: new Session(await reply.json<SessionInfo>(SESSION), this.#deps), created };
  }

  /**
   * Returns the session with this id, which counts as its use.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async get(id: string): Promise<Session> {
    const path = `/v1/sessions/${pathPart("use the session", "id", id)}`;
    const reply = await this.#deps.transport.send({ path });
    return new Session(await reply.json<SessionInfo>(SESSION), this.#deps);
  }

  /**
   * Lists sessions, in a fixed order. Does not count as their use.
   *
   * @throws {SnakedenError} `store_failed` or `invalid_input`.
   */
  async list({ cursor, limit }: ListOptions = {}): Promise<ListPage<SessionInfo>> {
    const query = { cursor, limit };
    const reply = await this.#deps.transport.send({ path: "/v1/sessions", query });
    const { sessions, ...rest } = await reply.json<
      { sessions: SessionInfo[]; cursor?: string }
    >({ sessions: "objects" });
    return { items: sessions, ...rest };
  }

  /**
   * Ends the session with this id and deletes its variables and programs.
   *
   * @throws {SnakedenError} `unknown_session`, `store_failed` or `invalid_input`.
   */
  async delete(id: string): Promise<void> {
    const path = `/v1/sessions/${pathPart("use the session", "id", id)}`;
    await (await this.#deps.transport.send({ method: "DELETE", path })).text();
  }
}

/** A session. Its fields are as of the last call; they do not follow the changes of others. */
export class Session implements DenSession {
  /** The variables of the session. */
  readonly variables: Variables;
  /** The programs of the session. */
  readonly programs: Programs;
  readonly #deps: SessionsDeps;
  readonly #path: string;
  #info: SessionInfo;

  /** Shows a session. Programs get theirs from {@link Sessions}. */
  constructor(info: SessionInfo, deps: SessionsDeps) {
    this.#info = info;
    this.#deps = deps;
    this.#path = `/v1/sessions/${encodeURIComponent(info.id)}`;
    this.variables = new Variables(this.#path, deps.transport);
    this.programs = new Programs(deps, info.id);
  }

  /** The id: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  get id(): string {
    return this.#info.id;
  }

  /** Begins at 1 and rises with each {@link Session.update}. */
  get version(): number {
    return this.#info.version;
  }

  /** The time at which it was opened, in ISO 8601. */
  get createdAt(): string {
    return this.#info.createdAt;
  }

  /** The time at which it expires unless it is used before, in ISO 8601. */
  get expiresAt(): string {
    return this.#info.expiresAt;
  }

  /** The time without use after which it expires, in milliseconds. */
  get ttlMs(): number {
    return this.#info.ttlMs;
  }

  /** A copy of the metadata. */
  get metadata(): JsonObject {
    return structuredClone(this.#info.metadata);
  }

  /** The worker to which strict calls have bound it; undefined if there was none. */
  get worker(): BoundWorker | undefined {
    return this.#info.worker;
  }

  /** The session as plain data. */
  get info(): SessionInfo {
    return structuredClone(this.#info);
  }

  /**
   * Renews the time to live, and reads the fields again.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async touch(): Promise<void> {
    const reply = await this.#deps.transport.send({ path: this.#path });
    this.#info = await reply.json<SessionInfo>(SESSION);
  }

  /**
   * Changes the metadata, which is replaced as a whole, or the time to live, and renews it.
   *
   * @throws {SnakedenError} `version_conflict`, `unknown_session`, `store_failed` or
   * `invalid_input`.
   */
  async update({ ifVersion, ...fields }: UpdateOptions): Promise<void> {
    const reply = await this.#deps.transport.send({
      method: "PATCH",
      path: this.#path,
      body: JSON.stringify(fields),
      headers: { ...JSON_BODY, ...conditionOf("update the session", ifVersion) },
    });
    this.#info = await reply.json<SessionInfo>(SESSION);
  }

  /**
   * Ends the session and deletes its variables and programs. With `ifVersion`, only if it has this
   * version.
   *
   * @throws {SnakedenError} `version_conflict`, `unknown_session`, `store_failed` or
   * `invalid_input`.
   */
  async delete({ ifVersion }: { readonly ifVersion?: number } = {}): Promise<void> {
    const headers = conditionOf("delete the session", ifVersion);
    const reply = await this.#deps.transport.send({ method: "DELETE", path: this.#path, headers });
    await reply.text();
  }
}
