import { messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import {
  decodeRecord,
  parseJsonBytes,
  type RecordType,
  type SetAside,
  setAsideSchema,
} from "../store/mod.ts";
import type { GroupCommit, Mutation } from "./group_commit.ts";
import { keys } from "./keys.ts";

const noteSchema = setAsideSchema.omit({ id: true });

/** The value at a key: a record, or the reason why it is not a valid one. */
export interface Found<T> {
  /** The stored value, unchecked. */
  readonly stored: unknown;
  readonly record?: T;
  /** The reason why the value is not such a record. */
  readonly problem?: string;
}

/**
 * Reads records, and sets damaged ones aside. Records are stored as bytes: if KV decoded values
 * itself, one that it cannot decode would break every listing.
 */
export class Records {
  readonly #kv: Deno.Kv;
  readonly #commits: GroupCommit;
  readonly #log = getLogger("store");

  constructor(kv: Deno.Kv, commits: GroupCommit) {
    this.#kv = kv;
    this.#commits = commits;
  }

  /**
   * Lists the readable records below a key, and sets the others aside. `check` may throw the reason
   * why a record does not belong at its key.
   */
  async list<T>(
    prefix: Deno.KvKey,
    type: RecordType<T>,
    check: (record: T, key: Deno.KvKey) => void = () => {},
  ): Promise<T[]> {
    const found: T[] = [];
    for await (const { key, value } of this.#kv.list({ prefix }, { batchSize: 500 })) {
      try {
        const record = decodeRecord(type, value);
        check(record, key);
        found.push(record);
      } catch (error) {
        await this.setAside(key, value, messageOf(error));
      }
    }
    return found;
  }

  /** Returns the record at a key, or why it is not a valid one; undefined if there is no value. */
  async read<T>(key: Deno.KvKey, type: RecordType<T>): Promise<Found<T> | undefined> {
    const { value, versionstamp } = await this.#kv.get(key);
    if (versionstamp === null) return undefined;
    try {
      return { stored: value, record: decodeRecord(type, value) };
    } catch (error) {
      return { stored: value, problem: messageOf(error) };
    }
  }

  /**
   * Returns the record at a key, or undefined if it is missing or damaged. A damaged record is set
   * aside.
   */
  async get<T>(key: Deno.KvKey, type: RecordType<T>): Promise<T | undefined> {
    const found = await this.read(key, type);
    if (found?.problem !== undefined) await this.setAside(key, found.stored, found.problem);
    return found?.record;
  }

  /**
   * Moves a damaged record away, with the reason. If that fails, logs it and leaves the record in
   * place.
   */
  async setAside(key: Deno.KvKey, value: unknown, reason: string): Promise<void> {
    await this.copyAside(key, { value, reason, also: [{ type: "delete", key }] });
  }

  /**
   * Does the same, but leaves the record in place; `also` are changes of the same commit. Returns
   * false if that fails.
   */
  async copyAside(
    key: Deno.KvKey,
    { value, reason, also = [] }: {
      readonly value: unknown;
      readonly reason: string;
      readonly also?: readonly Mutation[];
    },
  ): Promise<boolean> {
    const id = crypto.randomUUID();
    const bytes = value instanceof Uint8Array
      ? value
      : new TextEncoder().encode(Deno.inspect(value));
    const path = key.map(String);
    this.#log.error("set aside the record {key}: {reason}", { key: path.join("/"), reason, id });
    const note = { key: path, reason, at: new Date().toISOString(), bytes: bytes.byteLength };
    const mutations: Mutation[] = [
      { type: "set", key: keys.corruptValue(id), value: bytes.subarray(0, 65_536) },
      {
        type: "set",
        key: keys.corruptNote(id),
        value: new TextEncoder().encode(JSON.stringify(note)),
      },
      ...also,
    ];
    try {
      await this.#commits.commit(mutations);
      return true;
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      this.#log.error("cannot set aside the record {key}: {problem}", {
        key: path.join("/"),
        problem: error.message,
      });
      return false;
    }
  }

  /** Lists the records that this run and earlier ones have set aside. */
  async listSetAside(): Promise<SetAside[]> {
    const found: SetAside[] = [];
    for await (const { key, value } of this.#kv.list({ prefix: keys.corrupt })) {
      const [, id, part] = key;
      if (part !== "note") continue;
      const note = noteSchema.safeParse(value instanceof Uint8Array ? tryJson(value) : undefined);
      found.push({
        id: String(id),
        ...(note.success
          ? note.data
          : { key: [], reason: "its own note cannot be read", at: "", bytes: 0 }),
      });
    }
    return found;
  }
}

function tryJson(bytes: Uint8Array): unknown {
  try {
    return parseJsonBytes(bytes);
  } catch {
    // The caller checks the shape anyway.
    return undefined;
  }
}
