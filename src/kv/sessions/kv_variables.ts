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
import type { Mutation } from "../group_commit.ts";
import { keys } from "../keys.ts";
import type { Generation } from "../kv_chunks.ts";
import type { KvLives, KvSessionsDeps, Life } from "./kv_lives.ts";
import type { KvNamedRows } from "./kv_named_rows.ts";
import { encodeRow, LONG_VARIABLE } from "./session_records.ts";

/** The changes of one call, while it is decided. */
interface Plan {
  readonly mutations: Mutation[];
  readonly changes: Change[];
  /** Chunks that nothing will name any more. */
  readonly unused: Generation[];
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
  ): Promise<readonly (VariableRow | undefined)[] | undefined> {
    names.forEach((it) => checkName("variable", it));
    return await this.#lives.read(
      "read variables",
      id,
      ({ head: { life } }) =>
        Promise.all(names.map(async (name) => {
          const key = keys.variable(life, name);
          const row = await this.#named.read<VariableHead>(key, LONG_VARIABLE);
          return row && { ...row.head, value: row.value };
        })),
    );
  }

  async set(
    id: string,
    variables: readonly NewVariable[],
  ): Promise<readonly VariableAnswer[] | undefined> {
    variables.forEach(checkVariable);
    const stored = variables.map(({ value }) => this.#named.store(value));
    return await this.#change("set variables", id, variables, stored);
  }

  async drop(
    id: string,
    variables: readonly VariableToDrop[],
  ): Promise<readonly VariableAnswer[] | undefined> {
    variables.forEach(({ name }) => checkName("variable", name));
    // Without the fields that callers may have beside these.
    const items = variables.map(({ name, expectVersion }) => ({ name, expectVersion }));
    return await this.#change("drop variables", id, items);
  }

  async list(
    id: string,
    { maxValueBytes = -1, ...page }: PageAsk & { readonly maxValueBytes?: number },
  ): Promise<Page<ListedVariable> | undefined> {
    checkLimit(page.limit);
    return await this.#lives.read("list variables", id, async ({ head: { life } }) => {
      const { items, ...next } = await this.#named.page(
        keys.variables(life),
        page,
        LONG_VARIABLE,
      );
      const listed = items.map(async ({ head, body }): Promise<ListedVariable[]> => {
        const { long, ...rest } = head;
        if (rest.bytes > maxValueBytes) return [rest];
        if (long === undefined) return [{ ...rest, value: body.slice() }];
        const key = keys.variable(life, rest.name);
        const row = await this.#named.read<VariableHead>(key, LONG_VARIABLE);
        return row === undefined ? [] : [{ ...row.head, value: row.value }];
      });
      return { items: (await Promise.all(listed)).flat(), ...next };
    });
  }

  /** Makes each change that is not stale. Without values, variables are removed. */
  async #change(
    action: string,
    id: string,
    items: readonly (VariableToDrop | NewVariable)[],
    stored?: readonly Promise<Generation | undefined>[],
  ): Promise<readonly VariableAnswer[] | undefined> {
    const uploads = Promise.all(stored ?? []);
    // Handled in the queue; the session may not exist.
    uploads.catch(() => {});
    let isUsed = false;
    const answer = await this.#lives.changeLive(action, id, async (old) => {
      const longs = await uploads;
      const plan: Plan = { mutations: [], changes: [], unused: [], seq: old.state.seq };
      const versions = new Map<string, number>();
      const hasLong = old.state.hasLong || longs.some((it) => it !== undefined);
      const answers: VariableAnswer[] = [];
      for (const [i, item] of items.entries()) {
        answers.push(await this.#planOne(plan, old, item, { long: longs[i], versions, hasLong }));
      }
      isUsed = true;
      const after = (): void => {
        this.#deps.logs.publish(old.head.life, plan.changes);
        for (const { generation } of plan.unused) this.#lives.removeChunks(generation);
      };
      if (plan.changes.length === 0 && plan.mutations.length === 0) {
        return { answer: answers, after };
      }
      const state = { ...old.state, seq: plan.seq, hasLong };
      // The state is first: a number must not be given twice, even if the host dies between two
      // commits of one call.
      const mutations = [...this.#lives.put(old, { ...old, state }), ...plan.mutations];
      return { answer: answers, mutations, after };
    });
    if (!isUsed) {
      for (const long of await uploads) if (long) this.#lives.removeChunks(long.generation);
    }
    return answer;
  }

  async #planOne(
    plan: Plan,
    { head: { life } }: Life,
    item: VariableToDrop | NewVariable,
    { long, versions, hasLong }: {
      readonly long: Generation | undefined;
      readonly versions: Map<string, number>;
      readonly hasLong: boolean;
    },
  ): Promise<VariableAnswer> {
    const { name, expectVersion } = item;
    const key = keys.variable(life, name);
    const isSet = "value" in item;
    let current = versions.get(name);
    // Without an expected version, only a value in chunks makes the old row matter.
    if (hasLong || !isSet || (expectVersion !== undefined && current === undefined)) {
      const row = await this.#named.peek<VariableHead>(key, LONG_VARIABLE);
      const isFirst = current === undefined;
      current ??= row?.head.version ?? 0;
      const isStale = expectVersion !== undefined && expectVersion !== current;
      if (isFirst && !isStale && row?.head.long !== undefined) {
        plan.mutations.push(this.#deps.chunks.release(row.head.long));
        plan.unused.push(row.head.long);
      }
    }
    if (expectVersion !== undefined && expectVersion !== current) {
      if (long !== undefined) plan.unused.push(long);
      return { state: "stale", version: current ?? 0 };
    }
    if (!isSet && current === 0) return { state: "missing", version: 0 };
    const version = ++plan.seq;
    versions.set(name, isSet ? version : 0);
    plan.changes.push({ seq: version, name, kind: isSet ? "set" : "dropped" });
    if (!isSet) {
      plan.mutations.push({ type: "delete", key });
      return { state: "dropped", version };
    }
    const { type, constraints, value } = item;
    const fields = { name, type, version, updatedAt: this.#deps.now(), bytes: value.byteLength };
    const head = { ...fields, ...(constraints && { constraints }), ...(long && { long }) };
    const body = long === undefined ? value : new Uint8Array();
    plan.mutations.push({ type: "set", key, value: encodeRow(LONG_VARIABLE, head, body) });
    if (long !== undefined) plan.mutations.push(this.#deps.chunks.bind(long));
    return { state: "set", version };
  }
}
