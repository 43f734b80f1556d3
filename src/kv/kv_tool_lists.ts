import { z } from "zod";
import { messageOf } from "../errors.ts";
import {
  type AcceptedWork,
  checkToolList,
  decodeRecord,
  encodeRecord,
  KeyedQueue,
  type RecordType,
  TOOL_LIST_HEAD,
  type ToolListHead,
  type ToolListRow,
  type ToolListStore,
} from "../store/mod.ts";
import type { GroupCommit } from "./group_commit.ts";
import { keys } from "./keys.ts";
import { type Generation, generationSchema, type KvChunks } from "./kv_chunks.ts";
import type { Records } from "./records.ts";

/** The head of a list, with the chunks of its body. */
type StoredHead = ToolListHead & { readonly body: Generation };

const HEAD: RecordType<StoredHead> = {
  ...TOOL_LIST_HEAD,
  schema: z.intersection(TOOL_LIST_HEAD.schema, z.object({ body: generationSchema })),
};

interface FoundHead {
  readonly key: Deno.KvKey;
  readonly generation: string;
  readonly value: unknown;
}

/** Dependencies of {@link KvToolLists}. */
export interface KvToolListsDeps {
  readonly kv: Deno.Kv;
  readonly commits: GroupCommit;
  readonly records: Records;
  readonly chunks: KvChunks;
  readonly accepted: AcceptedWork;
}

/**
 * The lists of tools: a head each, whose body is in chunks. The generation of the chunks is in the
 * key of the head, so that they can be removed even if the head cannot be read.
 */
export class KvToolLists implements ToolListStore {
  readonly #deps: KvToolListsDeps;
  /** One piece of work at a time for each pool. */
  readonly #queue = new KeyedQueue();

  constructor(deps: KvToolListsDeps) {
    this.#deps = deps;
  }

  async list(): Promise<ToolListHead[]> {
    return await this.#deps.accepted.run("list the lists of tools", async () => {
      const heads: ToolListHead[] = [];
      for (const found of await this.#find(keys.toolLists)) {
        const head = await this.#decode(found);
        if (head !== undefined) heads.push({ pool: head.pool, code: head.code });
      }
      return heads;
    });
  }

  async get(pool: string): Promise<ToolListRow | undefined> {
    return await this.#run("read a list of tools", pool, async () => {
      for (const found of await this.#find(keys.toolListsOf(pool))) {
        const head = await this.#decode(found);
        if (head === undefined) continue;
        const { value, problem } = await this.#deps.chunks.read(head.body);
        if (problem === undefined) return { pool, code: head.code, body: value };
        await this.#setAside({ ...found, value }, problem);
      }
      return undefined;
    });
  }

  async put(row: ToolListRow): Promise<void> {
    const { pool, code, body: value } = row;
    await this.#run("keep a list of tools", pool, async () => {
      checkToolList(row);
      const { commits, chunks } = this.#deps;
      const old = await this.#find(keys.toolListsOf(pool));
      const body = await chunks.write(value);
      await commits.commit([
        ...this.#removals(old),
        {
          type: "set",
          key: keys.toolList(pool, body.generation),
          value: encodeRecord(HEAD, { pool, code, body }),
        },
        chunks.bind(body),
      ]);
      await this.#removeChunks(old);
    });
  }

  async remove(pools: readonly string[]): Promise<void> {
    await Promise.all(pools.map((pool) =>
      this.#run("remove a list of tools", pool, async () => {
        const old = await this.#find(keys.toolListsOf(pool));
        await this.#deps.commits.commit(this.#removals(old));
        await this.#removeChunks(old);
      })
    ));
  }

  #run<T>(action: string, pool: string, work: () => Promise<T>): Promise<T> {
    return this.#deps.accepted.run(action, () => this.#queue.run(pool, work));
  }

  async #find(prefix: Deno.KvKey): Promise<FoundHead[]> {
    const found: FoundHead[] = [];
    for await (const { key, value } of this.#deps.kv.list({ prefix })) {
      found.push({ key, value, generation: String(key[2]) });
    }
    return found;
  }

  /** Returns a head; sets an unreadable one aside. */
  async #decode(found: FoundHead): Promise<StoredHead | undefined> {
    const { key, value } = found;
    try {
      const head = decodeRecord(HEAD, value);
      if (head.pool === key[1] && head.body.generation === key[2]) return head;
      throw new Error("it is stored under another key");
    } catch (error) {
      await this.#setAside(found, messageOf(error));
      return undefined;
    }
  }

  async #setAside(found: FoundHead, reason: string): Promise<void> {
    const { key, value } = found;
    const also = this.#removals([found]);
    if (!await this.#deps.records.copyAside(key, { value, reason, also })) return;
    await this.#removeChunks([found]);
  }

  /** Returns the changes that remove heads and leave their chunks loose. */
  #removals(found: readonly FoundHead[]): Parameters<GroupCommit["commit"]>[0] {
    return found.flatMap(({ key, generation }) => [
      { type: "delete", key } as const,
      this.#deps.chunks.release({ generation }),
    ]);
  }

  async #removeChunks(found: readonly FoundHead[]): Promise<void> {
    for (const { generation } of found) await this.#deps.chunks.remove(generation);
  }
}
