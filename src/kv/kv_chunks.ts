import { createHash } from "node:crypto";
import { z } from "zod";
import { TurnBudget } from "../async/mod.ts";
import { MAX_VARIABLE_BYTES } from "../store/mod.ts";
import { type GroupCommit, MAX_VALUE_BYTES, type Mutation } from "./group_commit.ts";
import { keys } from "./keys.ts";

/** The number of chunks that fit into one commit, with their keys. */
const CHUNKS_PER_COMMIT = 12;
const DELETES_PER_COMMIT = 500;
/** The number of chunks that are read in one turn of the event loop. */
const LISTED_CHUNKS = 12;
/** The bytes that are hashed in one turn of the event loop. */
const HASHED_A_TURN = 4 * 2 ** 20;

/** The schema of a {@link Generation}. */
export const generationSchema = z.object({
  generation: z.string(),
  chunks: z.int().nonnegative(),
  bytes: z.int().nonnegative().max(MAX_VARIABLE_BYTES),
  sha256: z.string(),
});

/** The record of the chunks of one written value. */
export type Generation = Readonly<z.output<typeof generationSchema>>;

/**
 * Values of any length, in chunks that fit into KV. Each write creates a *generation*: it first
 * writes the chunks, marked as loose. The caller then makes one commit that stores the generation
 * in a record of its own and has the changes of {@link KvChunks.bind}. A crash before it leaves
 * loose chunks, which {@link KvChunks.sweep} removes.
 */
export class KvChunks {
  readonly #kv: Deno.Kv;
  readonly #commits: GroupCommit;
  /** One commit wakes the writers of many values. */
  readonly #hashing = new TurnBudget(HASHED_A_TURN);

  constructor(kv: Deno.Kv, commits: GroupCommit) {
    this.#kv = kv;
    this.#commits = commits;
  }

  /** Writes the chunks of a value. They are loose until a commit with {@link KvChunks.bind}. */
  async write(value: Uint8Array<ArrayBuffer>): Promise<Generation> {
    const generation = crypto.randomUUID();
    try {
      return await this.#write(generation, value);
    } catch (error) {
      // If removing fails too, the next start removes the chunks.
      await this.remove(generation).catch(() => {});
      throw error;
    }
  }

  /** Returns the change that makes chunks belong to the record that the same commit sets. */
  bind({ generation }: Generation): Mutation {
    return { type: "delete", key: keys.looseChunks(generation) };
  }

  /**
   * Returns the change that makes chunks loose, for the commit that removes their record. The
   * caller then calls {@link KvChunks.remove}.
   */
  release({ generation }: Pick<Generation, "generation">): Mutation {
    return { type: "set", key: keys.looseChunks(generation), value: new Uint8Array() };
  }

  /**
   * Removes the chunks of a generation, and its mark last, so that {@link KvChunks.sweep} continues
   * after a crash.
   */
  async remove(generation: string): Promise<void> {
    await this.removeChunks(generation);
    await this.#commits.commit([{ type: "delete", key: keys.looseChunks(generation) }]);
  }

  /** Removes the chunks of a generation, and leaves its mark. */
  async removeChunks(generation: string): Promise<void> {
    let mutations: Mutation[] = [];
    const prefix = keys.chunks(generation);
    for await (const { key } of this.#kv.list({ prefix }, { batchSize: LISTED_CHUNKS })) {
      mutations.push({ type: "delete", key });
      if (mutations.length < DELETES_PER_COMMIT) continue;
      await this.#commits.commit(mutations);
      mutations = [];
    }
    await this.#commits.commit(mutations);
  }

  /** Removes chunks that a crash has left; returns the number of unfinished writes. */
  async sweep(): Promise<number> {
    let count = 0;
    for await (const { key: [, generation] } of this.#kv.list({ prefix: keys.loose })) {
      await this.remove(String(generation));
      count++;
    }
    return count;
  }

  /** Returns the value of a generation, or with a `problem`, the part of it that was found. */
  async read(
    { generation, chunks, bytes, sha256: wanted }: Generation,
  ): Promise<{ value: Uint8Array<ArrayBuffer>; problem?: string }> {
    const value = new Uint8Array(bytes);
    let [count, offset] = [0, 0];
    const prefix = keys.chunks(generation);
    const hash = createHash("sha256");
    for await (const { value: chunk } of this.#kv.list({ prefix }, { batchSize: LISTED_CHUNKS })) {
      if (!(chunk instanceof Uint8Array) || offset + chunk.byteLength > bytes) {
        return { value, problem: `its chunk ${count} is not what was written` };
      }
      value.set(chunk, offset);
      hash.update(chunk);
      offset += chunk.byteLength;
      count++;
    }
    if (count !== chunks || offset !== bytes) {
      return { value, problem: `${count} of its ${chunks} chunks are there` };
    }
    if (hash.digest("hex") === wanted) return { value };
    return { value, problem: "its bytes are not those that were written" };
  }

  async #write(generation: string, value: Uint8Array<ArrayBuffer>): Promise<Generation> {
    const chunks = Math.ceil(value.byteLength / MAX_VALUE_BYTES);
    const mark: Mutation = {
      type: "set",
      key: keys.looseChunks(generation),
      value: new Uint8Array(),
    };
    await this.#commits.commit([mark]);
    // The hash of the whole at once would hold up the event loop: the runtime copies it before.
    const hash = createHash("sha256");
    for (let first = 0; first < chunks; first += CHUNKS_PER_COMMIT) {
      const count = Math.min(CHUNKS_PER_COMMIT, chunks - first);
      await this.#hashing.take(count * MAX_VALUE_BYTES);
      hash.update(
        value.subarray(first * MAX_VALUE_BYTES, (first + count) * MAX_VALUE_BYTES),
      );
      await this.#commits.commit(Array.from({ length: count }, (_, i) => {
        const start = (first + i) * MAX_VALUE_BYTES;
        return {
          type: "set",
          key: keys.chunk(generation, first + i),
          value: value.subarray(start, start + MAX_VALUE_BYTES),
        };
      }));
    }
    return { generation, chunks, bytes: value.byteLength, sha256: hash.digest("hex") };
  }
}
