import {
  checkName,
  checkProgram,
  checkScope,
  type NewProgram,
  type Page,
  type PageAsk,
  type ProgramAnswer,
  type ProgramHead,
  type ProgramRow,
  type ProgramScope,
} from "../../store/mod.ts";
import { keys } from "../keys.ts";
import { NO_BODY, Row, type RowChange } from "../rows/mod.ts";
import type { Decision, KvLives, KvSessionsDeps, Life } from "./kv_lives.ts";
import type { KvNamedRows } from "./kv_named_rows.ts";
import { LONG_PROGRAM } from "./session_records.ts";

/** The life under which the programs of all sessions are stored. */
const GLOBAL = "";
/** An id that no session has, in whose order the programs of all are changed. */
const GLOBAL_ID = "";

/** The owner of programs; with a life, only the session with this life. */
interface Owner {
  readonly scope: ProgramScope;
  readonly life: string | undefined;
}

/** The programs in KV. */
export class KvPrograms {
  readonly #deps: KvSessionsDeps;
  readonly #lives: KvLives;
  readonly #named: KvNamedRows;

  constructor(deps: KvSessionsDeps, lives: KvLives, named: KvNamedRows) {
    this.#deps = deps;
    this.#lives = lives;
    this.#named = named;
  }

  async put(
    owner: Owner,
    { name, body, expectVersion }: NewProgram,
  ): Promise<ProgramAnswer | undefined> {
    const value = new TextEncoder().encode(checkProgram(name, body));
    return await this.#change<ProgramAnswer>("write a program", owner, async (life, session) => {
      const key = keys.program(life, name);
      const old = await this.#named.peek<ProgramHead>(key, LONG_PROGRAM);
      const current = old?.head.version ?? 0;
      if (expectVersion !== undefined && expectVersion !== current) {
        return { answer: { state: "stale", version: current } };
      }
      const long = await this.#named.store(value);
      const version = current + 1;
      const updatedAt = this.#deps.now();
      const fields = { name, version, updatedAt, bytes: value.byteLength };
      const head = { ...fields, ...(long && { long }) };
      const row = new Row(LONG_PROGRAM, head, long === undefined ? value : NO_BODY);
      const mutations: RowChange[] = [{ type: "set", key, value: row }];
      if (long !== undefined) mutations.push(this.#deps.chunks.bind(long));
      const unused = old?.head.long;
      if (unused !== undefined) mutations.push(this.#deps.chunks.release(unused));
      const write = (): RowChange[] => {
        if (session === undefined || session.state.hasPrograms) return mutations;
        const state = { ...session.state, hasPrograms: true };
        return [...mutations, ...this.#lives.put(session, { ...session, state })];
      };
      const after = (): void => {
        if (unused !== undefined) this.#lives.removeChunks(unused.generation);
      };
      return { answer: { state: "set", version, updatedAt }, write, after };
    });
  }

  async get(owner: Owner, name: string): Promise<ProgramRow | undefined> {
    checkName("program", name);
    return await this.#read("read a program", owner, async (life) => {
      const row = await this.#named.read<ProgramHead>(keys.program(life, name), LONG_PROGRAM);
      return row && { ...row.head, body: JSON.parse(new TextDecoder().decode(row.value)) };
    });
  }

  async delete(owner: Owner, name: string): Promise<boolean> {
    checkName("program", name);
    return await this.#change("delete a program", owner, async (life) => {
      const key = keys.program(life, name);
      const old = await this.#named.peek<ProgramHead>(key, LONG_PROGRAM);
      if (old === undefined) return { answer: false };
      const mutations: RowChange[] = [{ type: "delete", key }];
      const { long } = old.head;
      if (long !== undefined) mutations.push(this.#deps.chunks.release(long));
      const after = (): void => {
        if (long !== undefined) this.#lives.removeChunks(long.generation);
      };
      return { answer: true, write: () => mutations, after };
    }) ?? false;
  }

  async list(owner: Owner, page: PageAsk): Promise<Page<ProgramHead> | undefined> {
    return await this.#read("list programs", owner, async (life) => {
      const { items, ...next } = await this.#named.page(keys.programs(life), page, LONG_PROGRAM);
      return { items: items.map(({ head: { long: _, ...head } }) => head), ...next };
    });
  }

  #change<T>(
    action: string,
    { scope, life: expected }: Owner,
    decide: (life: string, session?: Life) => Promise<Decision<T | undefined>>,
  ): Promise<T | undefined> {
    if (scope === null) {
      return this.#lives.changeShared(action, GLOBAL_ID, () => decide(GLOBAL));
    }
    return this.#lives.changeLive<T>(action, scope, (session) => {
      const { life } = session.head;
      return isOther(life, expected) ? { answer: undefined } : decide(life, session);
    });
  }

  async #read<T>(
    action: string,
    { scope, life: expected }: Owner,
    read: (life: string) => Promise<T>,
  ): Promise<T | undefined> {
    checkScope(scope);
    if (scope === null) return await this.#deps.accepted.run(action, () => read(GLOBAL));
    return await this.#lives.read(
      action,
      scope,
      async ({ head: { life } }) => isOther(life, expected) ? undefined : await read(life),
    );
  }
}

function isOther(life: string, expected: string | undefined): boolean {
  return expected !== undefined && expected !== life;
}
