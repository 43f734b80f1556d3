import type { BoundWorker } from "../calls/mod.ts";
import type { JsonObject, SessionRow, SessionToDrop } from "../store/mod.ts";
import { Programs, type ProgramsDeps } from "./programs/mod.ts";
import { versionConflict } from "./session_errors.ts";
import { checkedOptions, type OptionLimits, type UpdateOptions } from "./session_options.ts";
import type { SessionRows } from "./session_rows.ts";
import { Variables, type VariablesDeps } from "./variables/mod.ts";

/** A session as plain data. */
export interface SessionInfo {
  /** The id: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly id: string;
  /** Begins at 1 and rises with each update. */
  readonly version: number;
  /** In ISO 8601. */
  readonly createdAt: string;
  /** The time at which it expires unless it is used before, in ISO 8601. */
  readonly expiresAt: string;
  /** The time without use after which it expires. */
  readonly ttlMs: number;
  /** Data about the session, as JSON. */
  readonly metadata: JsonObject;
  /** The worker to which strict calls have bound it; absent if there was none. */
  readonly worker?: BoundWorker | undefined;
}

/** Dependencies of {@link Session}. */
export interface SessionDeps extends VariablesDeps, ProgramsDeps {
  readonly rows: SessionRows;
  readonly limits: OptionLimits;
  /** Ends the session, as {@link SessionStore.drop} does. */
  readonly end: (id: string, expect: SessionToDrop) => Promise<boolean | "stale">;
  /** Returns the worker that the session is bound to. */
  readonly workerOf: (row: Pick<SessionRow, "id" | "boundIn">) => BoundWorker | undefined;
}

/**
 * A session: state under an id, for callers and tools, that outlives the host. Its fields are as of
 * the last call; they do not follow the changes of others. It expires when it was not used for
 * `ttlMs`. Every method throws `unknown_session` once it has expired or was deleted, even if its id
 * was used again.
 */
export class Session implements SessionInfo {
  /** The variables of the session. */
  readonly variables: Variables;
  /** The programs of the session. */
  readonly programs: Programs;
  readonly #deps: SessionDeps;
  #row: SessionRow;

  /** Shows a session of the store. Programs get theirs from {@link Sessions}. */
  constructor(row: SessionRow, deps: SessionDeps) {
    this.#row = row;
    this.#deps = deps;
    this.variables = new Variables(row, deps);
    this.programs = new Programs(row, deps);
  }

  /** The id: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  get id(): string {
    return this.#row.id;
  }

  /** Begins at 1 and rises with each {@link Session.update}. */
  get version(): number {
    return this.#row.version;
  }

  /** The time at which it was opened, in ISO 8601. */
  get createdAt(): string {
    return new Date(this.#row.createdAt).toISOString();
  }

  /** The time at which it expires unless it is used before, in ISO 8601. */
  get expiresAt(): string {
    return new Date(this.#row.expiresAt).toISOString();
  }

  /** The time without use after which it expires, in milliseconds. */
  get ttlMs(): number {
    return this.#row.ttlMs;
  }

  /** A copy of the metadata. */
  get metadata(): JsonObject {
    return structuredClone(this.#row.metadata);
  }

  /**
   * The worker to which strict calls have bound it, as it is now; undefined if there was none. If
   * calls to several pools did, the one of the pool that it was bound in last.
   */
  get worker(): BoundWorker | undefined {
    return this.#deps.workerOf(this.#row);
  }

  /** The session as plain data. */
  get info(): SessionInfo {
    const { id, version, createdAt, expiresAt, ttlMs, metadata, worker } = this;
    const fields = { id, version, createdAt, expiresAt, ttlMs, metadata };
    return worker === undefined ? fields : { ...fields, worker };
  }

  /**
   * Renews the time to live. Resolves when that is durable.
   *
   * @throws {SnakedenError} `unknown_session` or `store_failed`.
   */
  async touch(): Promise<void> {
    this.#row = await this.#deps.rows.touch(this.#row);
  }

  /**
   * Changes the metadata, which is replaced as a whole, or the time to live, and renews it.
   *
   * @throws {SnakedenError} `version_conflict`, `unknown_session`, `store_failed`, or
   * `invalid_input` naming every field that is wrong.
   */
  async update(options: UpdateOptions): Promise<void> {
    const { limits, rows } = this.#deps;
    const known = ["metadata", "ttlMs", "ifVersion"] as const;
    const checked = checkedOptions("update the session", options, { limits, known });
    this.#row = await rows.update(this.#row, checked);
  }

  /**
   * Ends the session and deletes its variables and programs. With `ifVersion`, only if it has
   * this version.
   *
   * @throws {SnakedenError} `version_conflict`, `unknown_session`, `store_failed`, or
   * `invalid_input` naming every field that is wrong.
   */
  async delete(options: { readonly ifVersion?: number } = {}): Promise<void> {
    const { limits, rows, end } = this.#deps;
    const known = ["ifVersion"] as const;
    const { ifVersion } = checkedOptions("delete the session", options, { limits, known });
    const { id, life } = this.#row;
    const dropped = await end(id, { life, version: ifVersion });
    if (dropped === false) throw rows.gone(id);
    if (dropped === true) return;
    const { version } = await rows.require(this.#row);
    throw versionConflict(`the session ${JSON.stringify(id)}`, version);
  }
}
