import {
  checkLimit,
  checkScope,
  checkSessionId,
  checkTtl,
  fateOf,
  type JsonObject,
  type ListedVariable,
  metadataText,
  type NewProgram,
  type NewVariable,
  type Opened,
  type Page,
  type PageAsk,
  type Position,
  type ProgramAnswer,
  type ProgramHead,
  type ProgramRow,
  type ProgramScope,
  type SessionPatch,
  type SessionRow,
  type SessionStore,
  type SessionToDrop,
  touched,
  type Updated,
  type VariableAnswer,
  type VariableRow,
  type VariableToDrop,
  type WatchedPosition,
  type WatchEvent,
} from "../../store/mod.ts";
import { keys } from "../keys.ts";
import type { RowChange } from "../rows/mod.ts";
import { KvLives, type KvSessionsDeps } from "./kv_lives.ts";
import type { KvNamedRows } from "./kv_named_rows.ts";
import { KvPrograms } from "./kv_programs.ts";
import { KvVariables } from "./kv_variables.ts";

/** The sessions that one turn of the event loop can end in a few milliseconds. */
const SWEPT_AT_ONCE = 100;
const encoder = new TextEncoder();

/** The sessions in KV. */
export class KvSessions implements SessionStore {
  readonly #deps: KvSessionsDeps;
  readonly #lives: KvLives;
  readonly #named: KvNamedRows;
  readonly #variables: KvVariables;
  readonly #programs: KvPrograms;

  constructor(deps: KvSessionsDeps, named: KvNamedRows, count: number) {
    this.#deps = deps;
    this.#lives = new KvLives(deps, count);
    this.#named = named;
    this.#variables = new KvVariables(deps, this.#lives, named);
    this.#programs = new KvPrograms(deps, this.#lives, named);
  }

  async open(
    id: string,
    { ttlMs, metadata }: { readonly ttlMs: number; readonly metadata: JsonObject },
  ): Promise<Opened> {
    checkSessionId(id);
    checkTtl(ttlMs);
    const value = encoder.encode(metadataText(metadata));
    return await this.#lives.change<Opened>("open a session", id, async (old) => {
      const session = old && this.#lives.isLive(old) ? await this.#lives.rowOf(old) : undefined;
      if (session !== undefined) return { answer: { session, created: false } };
      const ended = old && this.#lives.end(old);
      const long = await this.#named.store(value);
      const now = this.#deps.now();
      const life = crypto.randomUUID().replaceAll("-", "");
      const expiresAt = now + ttlMs;
      const head = { id, life, version: 1, createdAt: now, ttlMs, ...(long && { long }) };
      const times = { touchedAt: now, expiresAt, indexedAt: expiresAt };
      const state = { life, ...times, seq: 0, hasPrograms: false, hasLong: false };
      const bytes = long === undefined ? value : new Uint8Array();
      const write = (): RowChange[] => [
        ...ended?.write() ?? [],
        ...this.#lives.put(undefined, { head, metadata: bytes, state }),
        ...long === undefined ? [] : [this.#deps.chunks.bind(long)],
      ];
      const rest = { createdAt: now, ttlMs, touchedAt: now, expiresAt, boundIn: [] };
      const row = { id, life, version: 1, ...rest };
      const created = { ...row, metadata: JSON.parse(new TextDecoder().decode(value)) };
      const answer = { session: created, created: true };
      return {
        answer,
        write,
        ...(ended === undefined ? { added: 1 } : { after: ended.after }),
      };
    });
  }

  async read(id: string): Promise<SessionRow | undefined> {
    return await this.#lives.read("read a session", id, (life) => this.#lives.rowOf(life));
  }

  async update(
    id: string,
    expectVersion: number | undefined,
    patch: SessionPatch,
  ): Promise<Updated | undefined> {
    if (patch.ttlMs !== undefined) checkTtl(patch.ttlMs);
    const value = patch.metadata && encoder.encode(metadataText(patch.metadata));
    return await this.#lives.changeLive<Updated>("update a session", id, async (old) => {
      const session = await this.#lives.rowOf(old);
      if (session === undefined) return { answer: undefined };
      if (expectVersion !== undefined && expectVersion !== session.version) {
        return { answer: { state: "stale", session } };
      }
      const stored = value && await this.#named.store(value);
      const version = session.version + 1;
      const next = touched(
        { ...session, version, ttlMs: patch.ttlMs ?? session.ttlMs },
        this.#deps.now(),
      );
      const { ttlMs, touchedAt, expiresAt } = next;
      const { long: oldLong, ...rest } = old.head;
      const long = value === undefined ? oldLong : stored;
      const head = { ...rest, version, ttlMs, ...(long && { long }) };
      const indexedAt = Math.min(old.state.indexedAt, expiresAt);
      const state = { ...old.state, touchedAt, expiresAt, indexedAt };
      const metadata = value === undefined
        ? old.metadata
        : stored === undefined
        ? value
        : new Uint8Array();
      const unused = value === undefined ? undefined : oldLong;
      const write = (): RowChange[] => [
        ...this.#lives.put(old, { head, metadata, state }),
        ...stored === undefined ? [] : [this.#deps.chunks.bind(stored)],
        ...unused === undefined ? [] : [this.#deps.chunks.release(unused)],
      ];
      const after = (): void => {
        if (unused !== undefined) this.#lives.removeChunks(unused.generation);
      };
      const changed = value && JSON.parse(new TextDecoder().decode(value));
      const answer = { ...next, metadata: changed ?? session.metadata };
      return { answer: { state: "updated", session: answer }, write, after };
    });
  }

  async list({ after, limit }: PageAsk): Promise<Page<SessionRow>> {
    return await this.#deps.accepted.run("list sessions", async () => {
      checkLimit(limit);
      const start = after === undefined ? {} : { start: keys.session(`${after}\0`) };
      const found = await this.#deps.rows.list({ prefix: keys.sessions, ...start }, limit + 1);
      const ids = found.slice(0, limit).map(({ key }) => String(key[1]));
      const lives = await Promise.all(ids.map((id) => this.#lives.durable(id)));
      const rows = lives.map((it) => it && this.#lives.isLive(it) && this.#lives.rowOf(it));
      const items = (await Promise.all(rows)).flatMap((it) => it ? [it] : []);
      return { items, ...(found.length > limit && { next: ids.at(-1) ?? "" }) };
    });
  }

  async touch(ids: readonly string[]): Promise<readonly (number | undefined)[]> {
    ids.forEach(checkSessionId);
    return await this.#deps.accepted.run(
      "touch sessions",
      () =>
        Promise.all(ids.map((id) =>
          this.#lives.changeLive("touch a session", id, (old) => {
            const { ttlMs } = old.head;
            const touchedAt = Math.max(this.#deps.now(), old.state.touchedAt);
            const expiresAt = touchedAt + ttlMs;
            const state = { ...old.state, touchedAt, expiresAt };
            return { answer: expiresAt, write: () => this.#lives.put(old, { ...old, state }) };
          })
        )),
    );
  }

  async bind(id: string, pool: string): Promise<boolean | undefined> {
    return await this.#lives.changeLive("bind a session", id, (old) => {
      const { boundIn = [] } = old.state;
      if (boundIn.includes(pool)) return { answer: false };
      const state = { ...old.state, boundIn: [...boundIn, pool] };
      return { answer: true, write: () => this.#lives.put(old, { ...old, state }) };
    });
  }

  async drop(id: string, expect: SessionToDrop = {}): Promise<boolean | "stale"> {
    return await this.#lives.changeLive<boolean | "stale">("drop a session", id, (old) => {
      const fate = fateOf(old.head, expect);
      return fate === true ? { answer: true, ...this.#lives.end(old) } : { answer: fate };
    }) ?? false;
  }

  async sweep(limit: number): Promise<readonly string[]> {
    return await this.#deps.accepted.run("sweep sessions", async () => {
      checkLimit(limit);
      const ended: string[] = [];
      while (ended.length < limit) {
        const wanted = Math.min(SWEPT_AT_ONCE, limit - ended.length);
        const range = { start: keys.expiries, end: keys.expiry(this.#deps.now() + 0.5, "") };
        const found = await this.#deps.rows.list(range, wanted);
        const swept = await Promise.all(found.map(({ key }) => this.#sweepOne(key)));
        ended.push(...swept.flatMap((id) => id ?? []));
        if (found.length < wanted) break;
      }
      return ended;
    });
  }

  async count(): Promise<number> {
    return await this.#deps.accepted.run(
      "count sessions",
      () => Promise.resolve(this.#lives.count),
    );
  }

  getVars(
    id: string,
    names: readonly string[],
    life?: string,
  ): Promise<readonly (VariableRow | undefined)[] | undefined> {
    return this.#variables.get(id, names, life);
  }

  setVars(
    id: string,
    variables: readonly NewVariable[],
    life?: string,
  ): Promise<readonly VariableAnswer[] | undefined> {
    return this.#variables.set(id, variables, life);
  }

  dropVars(
    id: string,
    variables: readonly VariableToDrop[],
    life?: string,
  ): Promise<readonly VariableAnswer[] | undefined> {
    return this.#variables.drop(id, variables, life);
  }

  listVars(
    id: string,
    page: PageAsk & { readonly maxValueBytes?: number },
    life?: string,
  ): Promise<Page<ListedVariable> | undefined> {
    return this.#variables.list(id, page, life);
  }

  async position(id: string): Promise<Position | undefined> {
    return await this.#lives.read("read a session", id, ({ state: { life, seq } }) => {
      return { life, seq };
    });
  }

  watch(
    id: string,
    from: Position,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<WatchEvent> {
    const at = (): Promise<WatchedPosition | undefined> =>
      this.#lives.read("watch a session", id, ({ state: { life, seq, expiresAt } }) => {
        return { life, seq, expiresAt };
      });
    return this.#deps.logs.watch(from, at, signal);
  }

  putProgram(
    scope: ProgramScope,
    program: NewProgram,
    life?: string,
  ): Promise<ProgramAnswer | undefined> {
    return this.#programs.put({ scope, life }, program);
  }

  getProgram(scope: ProgramScope, name: string, life?: string): Promise<ProgramRow | undefined> {
    return this.#programs.get({ scope, life }, name);
  }

  deleteProgram(scope: ProgramScope, name: string, life?: string): Promise<boolean> {
    return this.#programs.delete({ scope, life }, name);
  }

  async listPrograms(
    scope: ProgramScope,
    page: PageAsk,
    life?: string,
  ): Promise<Page<ProgramHead> | undefined> {
    checkScope(scope);
    checkLimit(page.limit);
    return await this.#programs.list({ scope, life }, page);
  }

  /** Ends a session if it has expired; else moves its row of the index. */
  async #sweepOne(key: Deno.KvKey): Promise<string | undefined> {
    const [, at, id] = [key[0], Number(key[1]), String(key[2])];
    return await this.#lives.change<string | undefined>("sweep a session", id, (life) => {
      if (life?.state.indexedAt !== at) {
        return { answer: undefined, write: () => [{ type: "delete", key }] };
      }
      if (!this.#lives.isLive(life)) return { answer: id, ...this.#lives.end(life) };
      const state = { ...life.state, indexedAt: life.state.expiresAt };
      return { answer: undefined, write: () => this.#lives.put(life, { ...life, state }) };
    });
  }
}
