import { nextTurn } from "../async/mod.ts";
import type { AcceptedWork } from "./accepted_work.ts";
import { copiesOf, copyOf } from "./copies.ts";
import type { ChangeLogs, WatchedPosition } from "./change_logs.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import {
  checkLimit,
  checkScope,
  checkSessionId,
  checkTtl,
  fateOf,
  metadataText,
  type SessionRow,
  type SessionToDrop,
  touched,
} from "./session_row.ts";
import type {
  Change,
  ListedVariable,
  Opened,
  Page,
  PageAsk,
  Position,
  ProgramAnswer,
  ProgramScope,
  SessionStore,
  Updated,
  VariableAnswer,
  VariableToDrop,
  WatchEvent,
} from "./session_store.ts";
import { NamedRows, pageOf, SortedTexts } from "./sorted_texts.ts";
import {
  checkName,
  checkProgram,
  checkVariable,
  type ProgramHead,
  type ProgramRow,
  type VariableHead,
  type VariableRow,
} from "./variable_row.ts";

/** The sessions that a sweep looks at in one turn of the event loop. */
const SWEPT_A_TURN = 10_000;

interface Entry {
  readonly row: Omit<SessionRow, "metadata">;
  /** As JSON, so that no caller shares it. */
  readonly metadata: string;
}

/** A session with all that belongs to it. */
interface Session {
  entry: Entry;
  seq: number;
  readonly variables: NamedRows<VariableRow>;
  readonly programs: NamedRows<StoredProgram>;
}

interface StoredProgram extends ProgramHead {
  /** As JSON, so that no caller shares it. */
  readonly body: string;
}

/** Dependencies of {@link MemorySessions}. */
export interface MemorySessionsDeps {
  readonly accepted: AcceptedWork;
  readonly logs: ChangeLogs;
  readonly now: () => number;
}

/** The sessions of a store that lives as long as its host. */
export class MemorySessions implements SessionStore {
  readonly #sessions = new Map<string, Session>();
  readonly #ids = new SortedTexts();
  readonly #global = new NamedRows<StoredProgram>();
  /** The writes of each session. Copying a long value takes many turns of the event loop. */
  readonly #writes = new KeyedQueue();
  readonly #deps: MemorySessionsDeps;

  constructor(deps: MemorySessionsDeps) {
    this.#deps = deps;
  }

  open(id: string, options: Parameters<SessionStore["open"]>[1]): Promise<Opened> {
    return this.#write("open a session", id, () => {
      checkTtl(options.ttlMs);
      const text = metadataText(options.metadata);
      const known = this.#live(id);
      if (known !== undefined) return { session: rowOf(known), created: false };
      this.#end(id);
      const { ttlMs } = options;
      const now = this.#deps.now();
      const times = { createdAt: now, touchedAt: now, expiresAt: now + ttlMs };
      const row = { id, life: crypto.randomUUID(), version: 1, ttlMs, boundIn: [], ...times };
      const [variables, programs] = [new NamedRows<VariableRow>(), new NamedRows<StoredProgram>()];
      const session = { entry: { row, metadata: text }, seq: 0, variables, programs };
      this.#sessions.set(id, session);
      this.#ids.add(id);
      return { session: rowOf(session), created: true };
    });
  }

  read(id: string): Promise<SessionRow | undefined> {
    return this.#read("read a session", id, (session) => rowOf(session));
  }

  update(
    id: string,
    expectVersion: number | undefined,
    patch: Parameters<SessionStore["update"]>[2],
  ): Promise<Updated | undefined> {
    return this.#write("update a session", id, () => {
      if (patch.ttlMs !== undefined) checkTtl(patch.ttlMs);
      const text = patch.metadata && metadataText(patch.metadata);
      const session = this.#live(id);
      if (session === undefined) return undefined;
      const { row, metadata } = session.entry;
      if (expectVersion !== undefined && expectVersion !== row.version) {
        return { state: "stale", session: rowOf(session) };
      }
      const ttlMs = patch.ttlMs ?? row.ttlMs;
      const version = row.version + 1;
      session.entry = {
        row: touched({ ...row, version, ttlMs }, this.#deps.now()),
        metadata: text ?? metadata,
      };
      return { state: "updated", session: rowOf(session) };
    });
  }

  list({ after, limit }: PageAsk): Promise<Page<SessionRow>> {
    return this.#run("list sessions", () => {
      const { items: ids, next } = pageOf(this.#ids, after, limit);
      const items = ids.flatMap((id) => {
        const session = this.#live(id);
        return session === undefined ? [] : [rowOf(session)];
      });
      return { items, ...next };
    });
  }

  touch(ids: readonly string[]): Promise<readonly (number | undefined)[]> {
    return this.#deps.accepted.run("touch sessions", () => {
      ids.forEach(checkSessionId);
      return Promise.all(ids.map((id) =>
        this.#writes.run(id, () => {
          const session = this.#live(id);
          if (session === undefined) return Promise.resolve(undefined);
          const row = touched(session.entry.row, this.#deps.now());
          session.entry = { ...session.entry, row };
          return Promise.resolve(row.expiresAt);
        })
      ));
    });
  }

  bind(id: string, pool: string): Promise<boolean | undefined> {
    return this.#write("bind a session", id, () => {
      const session = this.#live(id);
      if (session === undefined) return undefined;
      const { row } = session.entry;
      if (row.boundIn.includes(pool)) return false;
      session.entry = { ...session.entry, row: { ...row, boundIn: [...row.boundIn, pool] } };
      return true;
    });
  }

  drop(id: string, expect: SessionToDrop = {}): Promise<boolean | "stale"> {
    return this.#write("drop a session", id, () => {
      const fate = fateOf(this.#live(id)?.entry.row, expect);
      if (fate === true) this.#end(id);
      return fate;
    });
  }

  sweep(limit: number): Promise<readonly string[]> {
    return this.#deps.accepted.run("sweep sessions", async () => {
      checkLimit(limit);
      const ended: string[] = [];
      let looked = 0;
      for (const id of this.#sessions.keys()) {
        if (ended.length >= limit) break;
        if (++looked % SWEPT_A_TURN === 0) await nextTurn();
        if (this.#live(id) !== undefined) continue;
        this.#end(id);
        ended.push(id);
      }
      return ended;
    });
  }

  count(): Promise<number> {
    return this.#run("count sessions", () => this.#sessions.size);
  }

  getVars(
    ...[id, names, life]: Parameters<SessionStore["getVars"]>
  ): ReturnType<SessionStore["getVars"]> {
    return this.#deps.accepted.run("read variables", async () => {
      checkSessionId(id);
      names.forEach((it) => checkName("variable", it));
      const found = this.#live(id, life)?.variables;
      const rows = found && names.map((it) => found.get(it));
      return rows && await Promise.all(rows.map(async (row) => row && await copyOfRow(row)));
    });
  }

  setVars(
    ...[id, variables, life]: Parameters<SessionStore["setVars"]>
  ): ReturnType<SessionStore["setVars"]> {
    return this.#deps.accepted.run("set variables", async () => {
      checkSessionId(id);
      variables.forEach(checkVariable);
      return await this.#writes.run(id, async () => {
        const values = await copiesOf(variables.map(({ value }) => value));
        return this.#change({ id, life }, variables, ({ name, type, constraints }, version, i) => {
          const value = values[i] ?? new Uint8Array();
          const updatedAt = this.#deps.now();
          const head = { name, type, version, updatedAt, bytes: value.byteLength };
          return {
            ...head,
            ...(constraints && { constraints: JSON.parse(JSON.stringify(constraints)) }),
            value,
          };
        });
      });
    });
  }

  dropVars(
    ...[id, variables, life]: Parameters<SessionStore["dropVars"]>
  ): ReturnType<SessionStore["dropVars"]> {
    return this.#write("drop variables", id, () => {
      variables.forEach(({ name }) => checkName("variable", name));
      return this.#change({ id, life }, variables, () => undefined);
    });
  }

  listVars(
    ...[id, { after, limit, maxValueBytes = -1 }, life]: Parameters<SessionStore["listVars"]>
  ): Promise<Page<ListedVariable> | undefined> {
    return this.#deps.accepted.run("list variables", async () => {
      checkSessionId(id);
      const found = this.#live(id, life)?.variables;
      if (found === undefined) return undefined;
      const { items, next } = found.page(after, limit);
      const listed = items.map(async (row): Promise<ListedVariable> => {
        if (row.bytes <= maxValueBytes) return await copyOfRow(row);
        const { value: _, ...head } = row;
        return copyOfHead(head);
      });
      return { items: await Promise.all(listed), ...next };
    });
  }

  position(id: string): Promise<Position | undefined> {
    return this.#read("read a session", id, ({ entry, seq }) => ({ life: entry.row.life, seq }));
  }

  watch(
    id: string,
    from: Position,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<WatchEvent> {
    return this.#deps.logs.watch(from, () => this.#read("watch a session", id, watched), signal);
  }

  putProgram(
    scope: ProgramScope,
    { name, body, expectVersion }: Parameters<SessionStore["putProgram"]>[1],
    life?: string,
  ): Promise<ProgramAnswer | undefined> {
    return this.#write("write a program", scope, () => {
      const text = checkProgram(name, body);
      const programs = this.#programs(scope, life);
      if (programs === undefined) return undefined;
      const current = programs.get(name)?.version ?? 0;
      if (expectVersion !== undefined && expectVersion !== current) {
        return { state: "stale", version: current };
      }
      const version = current + 1;
      const bytes = new TextEncoder().encode(text).byteLength;
      const updatedAt = this.#deps.now();
      programs.set(name, { name, version, updatedAt, bytes, body: text });
      return { state: "set", version, updatedAt };
    });
  }

  getProgram(scope: ProgramScope, name: string, life?: string): Promise<ProgramRow | undefined> {
    return this.#run("read a program", () => {
      checkScope(scope);
      checkName("program", name);
      const found = this.#programs(scope, life)?.get(name);
      return found && { ...found, body: JSON.parse(found.body) };
    });
  }

  deleteProgram(scope: ProgramScope, name: string, life?: string): Promise<boolean> {
    return this.#write("delete a program", scope, () => {
      checkName("program", name);
      return this.#programs(scope, life)?.delete(name) ?? false;
    });
  }

  listPrograms(
    ...[scope, page, life]: Parameters<SessionStore["listPrograms"]>
  ): Promise<Page<ProgramHead> | undefined> {
    return this.#run("list programs", () => {
      checkScope(scope);
      const found = this.#programs(scope, life)?.page(page.after, page.limit);
      return found && { items: found.items.map(({ body: _, ...head }) => head), ...found.next };
    });
  }

  /** Returns a session that has not expired; with a life, only that of this life. */
  #live(id: string, life?: string): Session | undefined {
    const session = this.#sessions.get(id);
    const row = session?.entry.row;
    if (row === undefined || row.expiresAt <= this.#deps.now()) return undefined;
    return life === undefined || life === row.life ? session : undefined;
  }

  #end(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#ids.delete(id);
    this.#deps.logs.end(session.entry.row.life);
  }

  #programs(scope: ProgramScope, life?: string): NamedRows<StoredProgram> | undefined {
    return scope === null ? this.#global : this.#live(scope, life)?.programs;
  }

  /** Makes each change that is not stale. `make` returns the new row; undefined removes the old. */
  #change<T extends VariableToDrop>(
    { id, life }: { readonly id: string; readonly life: string | undefined },
    items: readonly T[],
    make: (item: T, version: number, index: number) => VariableRow | undefined,
  ): readonly VariableAnswer[] | undefined {
    const session = this.#live(id, life);
    if (session === undefined) return undefined;
    const { variables } = session;
    const changes: Change[] = [];
    const answers = items.map((item, i): VariableAnswer => {
      const { name, expectVersion } = item;
      const current = variables.get(name)?.version ?? 0;
      if (expectVersion !== undefined && expectVersion !== current) {
        return { state: "stale", version: current };
      }
      const version = session.seq + 1;
      const row = make(item, version, i);
      if (row === undefined && !variables.delete(name)) return { state: "missing", version: 0 };
      if (row !== undefined) variables.set(name, row);
      session.seq = version;
      changes.push({ seq: version, name, kind: row === undefined ? "dropped" : "set" });
      if (row === undefined) return { state: "dropped", version };
      return { state: "set", version, updatedAt: row.updatedAt };
    });
    this.#deps.logs.publish(session.entry.row.life, changes);
    return answers;
  }

  #run<T>(action: string, work: () => T): Promise<T> {
    return this.#deps.accepted.run(action, () => Promise.try(work));
  }

  #read<T>(action: string, id: string, read: (session: Session) => T): Promise<T | undefined> {
    return this.#run(action, () => {
      checkSessionId(id);
      const session = this.#live(id);
      return session && read(session);
    });
  }

  #write<T>(action: string, scope: ProgramScope, work: () => T): Promise<T> {
    return this.#deps.accepted.run(action, () => {
      checkScope(scope);
      return this.#writes.run(scope ?? "", () => Promise.try(work));
    });
  }
}

function rowOf({ entry: { row, metadata } }: Session): SessionRow {
  return { ...row, metadata: JSON.parse(metadata) };
}

function watched({ entry: { row: { life, expiresAt } }, seq }: Session): WatchedPosition {
  return { life, seq, expiresAt };
}

async function copyOfRow(row: VariableRow): Promise<VariableRow> {
  return { ...copyOfHead(row), value: await copyOf(row.value) };
}

function copyOfHead<T extends VariableHead>(head: T): T {
  const { constraints } = head;
  return constraints ? { ...head, constraints: structuredClone(constraints) } : head;
}
