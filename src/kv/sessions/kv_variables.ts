import {
  type Change,
  checkLimit,
  checkName,
  checkVariable,
  type ListedVariable,
  type NewVariable,
  type Page,
  type PageAsk,
  type VariableAnswer,
  type VariableHead,
  type VariableRow,
  type VariableToDrop,
} from "../../store/mod.ts";
import { keys } from "../keys.ts";
import type { Generation } from "../kv_chunks.ts";
import { NO_BODY, Row, type RowChange } from "../rows/mod.ts";
import type { Decision, KvLives, KvSessionsDeps, Life } from "./kv_lives.ts";
import type { FoundRow, KvNamedRows } from "./kv_named_rows.ts";
import { INLINE_BYTES, LONG_VARIABLE, type LongHead } from "./session_records.ts";

type Item = NewVariable | VariableToDrop;
/** The chunks of a value, if it is long. */
type Long = Generation | undefined;
type Made = Decision<readonly VariableAnswer[]>;

/** A variable as an earlier change leaves it. */
interface Current extends LongHead {
  readonly version: number;
}

/** A call to decide. */
interface Ask {
  readonly old: Life;
  readonly items: readonly Item[];
  readonly longs: readonly Long[];
  readonly hasLong: boolean;
  readonly rows: Map<string, Current | undefined>;
}

/** The changes of one call, while it is decided. */
interface Plan {
  readonly life: string;
  readonly mutations: RowChange[];
  readonly changes: Change[];
  /** Chunks that nothing will name any more. */
  readonly unused: Generation[];
  /** The variables whose old rows matter, and those that were changed. */
  readonly rows: Map<string, Current | undefined>;
  seq: number;
}

/** The variables in KV. */
export class KvVariables {
  readonly #deps: KvSessionsDeps;
  readonly #lives: KvLives;
  readonly #named: KvNamedRows;

  constructor(deps: KvSessionsDeps, lives: KvLives, named: KvNamedRows) {
    this.#deps = deps;
    this.#lives = lives;
    this.#named = named;
  }

  async get(
    id: string,
    names: readonly string[],
    expectLife: string | undefined,
  ): Promise<readonly (VariableRow | undefined)[] | undefined> {
    names.forEach((it) => checkName("variable", it));
    return await this.#lives.read(
      "read variables",
      id,
      async ({ head: { life } }) => {
        if (expectLife !== undefined && expectLife !== life) return undefined;
        return await Promise.all(names.map(async (name) => {
          const key = keys.variable(life, name);
          const row = await this.#named.read<VariableHead>(key, LONG_VARIABLE);
          return row && { ...row.head, value: row.value };
        }));
      },
    );
  }

  async set(
    id: string,
    variables: readonly NewVariable[],
    life: string | undefined,
  ): Promise<readonly VariableAnswer[] | undefined> {
    variables.forEach(checkVariable);
    const hasLong = variables.some(({ value }) => value.byteLength > INLINE_BYTES);
    if (!hasLong) return await this.#change("set variables", { id, life }, variables, []);
    const uploads = Promise.all(variables.map(({ value }) => this.#named.store(value)));
    // Handled in the queue; the session may not exist.
    uploads.catch(() => {});
    let isUsed = false;
    const answers = await this.#change("set variables", { id, life }, variables, async () => {
      const longs = await uploads;
      isUsed = true;
      return longs;
    });
    if (!isUsed) {
      for (const long of await uploads) if (long) this.#lives.removeChunks(long.generation);
    }
    return answers;
  }

  async drop(
    id: string,
    variables: readonly VariableToDrop[],
    life: string | undefined,
  ): Promise<readonly VariableAnswer[] | undefined> {
    variables.forEach(({ name }) => checkName("variable", name));
    // Without the fields that callers may have beside these.
    const items = variables.map(({ name, expectVersion }) => ({ name, expectVersion }));
    return await this.#change("drop variables", { id, life }, items, []);
  }

  async list(
    id: string,
    { maxValueBytes = -1, ...page }: PageAsk & { readonly maxValueBytes?: number },
    expectLife: string | undefined,
  ): Promise<Page<ListedVariable> | undefined> {
    checkLimit(page.limit);
    return await this.#lives.read("list variables", id, async ({ head: { life } }) => {
      if (expectLife !== undefined && expectLife !== life) return undefined;
      const { items, ...next } = await this.#named.page(
        keys.variables(life),
        page,
        LONG_VARIABLE,
      );
      const listed = items.map(async ({ head, body }): Promise<ListedVariable[]> => {
        const { long, ...rest } = head;
        if (rest.bytes > maxValueBytes) return [rest];
        // No copy: nobody else has what a list has read from KV.
        if (long === undefined) return [{ ...rest, value: body as Uint8Array<ArrayBuffer> }];
        const key = keys.variable(life, rest.name);
        const row = await this.#named.read<VariableHead>(key, LONG_VARIABLE);
        return row === undefined ? [] : [{ ...row.head, value: row.value }];
      });
      return { items: (await Promise.all(listed)).flat(), ...next };
    });
  }

  /** Makes each change that is not stale. Without values, variables are removed. */
  #change(
    action: string,
    { id, life }: { readonly id: string; readonly life: string | undefined },
    items: readonly Item[],
    longs: readonly Long[] | (() => Promise<readonly Long[]>),
  ): Promise<readonly VariableAnswer[] | undefined> {
    type Answer = readonly VariableAnswer[] | undefined;
    return this.#lives.changeLive<readonly VariableAnswer[]>(
      action,
      id,
      (old): Decision<Answer> | Promise<Made> => {
        if (life !== undefined && life !== old.head.life) return { answer: undefined };
        if (typeof longs !== "function") return this.#look(old, items, longs);
        return longs().then((it) => this.#look(old, items, it));
      },
    );
  }

  /** Decides changes, once the old rows that matter are known. */
  #look(old: Life, items: readonly Item[], longs: readonly Long[]): Made | Promise<Made> {
    const hasLong = old.state.hasLong || longs.some((it) => it !== undefined);
    const rows = new Map<string, Current | undefined>();
    const reads: Promise<void>[] = [];
    for (const item of items) {
      const { name, expectVersion } = item;
      // Without an expected version, only a value in chunks makes the old row matter.
      if (!hasLong && "value" in item && expectVersion === undefined) continue;
      const keep = (it: FoundRow<VariableHead> | undefined): void => void rows.set(name, it?.head);
      const row = this.#named.peek(keys.variable(old.head.life, name), LONG_VARIABLE);
      if (row instanceof Promise) reads.push(row.then(keep));
      else keep(row);
    }
    const decide = (): Made => this.#decide({ old, items, longs, hasLong, rows });
    return reads.length === 0 ? decide() : Promise.all(reads).then(decide);
  }

  #decide({ old, items, longs, hasLong, rows }: Ask): Made {
    const { life } = old.head;
    const plan: Plan = { mutations: [], changes: [], unused: [], rows, life, seq: old.state.seq };
    const answer = items.map((item, i) => this.#planOne(plan, item, longs[i]));
    const after = (): void => {
      this.#deps.logs.publish(life, plan.changes);
      for (const { generation } of plan.unused) this.#lives.removeChunks(generation);
    };
    if (plan.changes.length === 0) return { answer, after };
    const state = { ...old.state, seq: plan.seq, hasLong };
    // The state is first: a number must not be given twice, even if the host dies between two
    // commits of one call.
    const write = (): RowChange[] => this.#lives.put(old, { ...old, state }).concat(plan.mutations);
    return { answer, write, after };
  }

  #planOne(plan: Plan, item: Item, long: Long): VariableAnswer {
    const { name, expectVersion } = item;
    const before = plan.rows.get(name);
    const current = before?.version ?? 0;
    const isSet = "value" in item;
    if (expectVersion !== undefined && expectVersion !== current) {
      if (long !== undefined) plan.unused.push(long);
      return { state: "stale", version: current };
    }
    if (!isSet && current === 0) return { state: "missing", version: 0 };
    if (before?.long !== undefined) {
      plan.mutations.push(this.#deps.chunks.release(before.long));
      plan.unused.push(before.long);
    }
    const key = keys.variable(plan.life, name);
    const version = ++plan.seq;
    plan.changes.push({ seq: version, name, kind: isSet ? "set" : "dropped" });
    plan.rows.set(name, isSet ? { version, long } : undefined);
    if (!isSet) {
      plan.mutations.push({ type: "delete", key });
      return { state: "dropped", version };
    }
    const { type, constraints, value } = item;
    const updatedAt = this.#deps.now();
    const fields = { name, type, version, updatedAt, bytes: value.byteLength };
    const head = { ...fields, ...(constraints && { constraints }), ...(long && { long }) };
    // A copy: the row stays in memory, and the caller may change the buffer later.
    const body = long === undefined ? value.slice() : NO_BODY;
    plan.mutations.push({ type: "set", key, value: new Row(LONG_VARIABLE, head, body) });
    if (long !== undefined) plan.mutations.push(this.#deps.chunks.bind(long));
    return { state: "set", version, updatedAt };
  }
}
