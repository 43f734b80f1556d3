import { z } from "zod";
import {
  type AcceptedWork,
  type Blobs,
  checkBlob,
  encodeRecord,
  KeyedQueue,
  MAX_BLOB_BYTES,
  type RecordType,
} from "../store/mod.ts";
import { type GroupCommit, MAX_VALUE_BYTES, type Mutation } from "./group_commit.ts";
import { keys } from "./keys.ts";
import type { Records } from "./records.ts";

/** The number of chunks that fit into one commit, with their keys. */
const CHUNKS_PER_COMMIT = 12;
const DELETES_PER_COMMIT = 500;

const headSchema = z.object({
  generation: z.string(),
  chunks: z.int().nonnegative(),
  bytes: z.int().nonnegative().max(MAX_BLOB_BYTES),
  sha256: z.string(),
});
type Head = z.output<typeof headSchema>;

const HEAD: RecordType<Head> = { name: "blob", version: 1, schema: headSchema };

/** The value that a read found, or the reason why it cannot be used. */
interface Look {
  /** The stored head, unchecked. */
  readonly stored: unknown;
  readonly value?: Uint8Array<ArrayBuffer>;
  /** The reason why the value cannot be used. */
  readonly problem?: string;
}

/** Dependencies of {@link KvBlobs}. */
export interface KvBlobsDeps {
  readonly kv: Deno.Kv;
  readonly commits: GroupCommit;
  readonly records: Records;
  readonly accepted: AcceptedWork;
}

/**
 * Values of any length, in chunks that fit into KV. Each write creates a *generation*: it first
 * writes the chunks, marked as loose; then one commit sets the head and removes the mark. A reader
 * therefore sees either the old value or the new one. A crash in between leaves loose chunks, which
 * {@link KvBlobs.sweep} removes.
 */
export class KvBlobs implements Blobs {
  readonly #kv: Deno.Kv;
  readonly #commits: GroupCommit;
  readonly #records: Records;
  readonly #accepted: AcceptedWork;
  /**
   * Serializes the writes of one id, since each removes the generation that the one before it
   * wrote.
   */
  readonly #writings = new KeyedQueue();

  constructor({ kv, commits, records, accepted }: KvBlobsDeps) {
    this.#kv = kv;
    this.#commits = commits;
    this.#records = records;
    this.#accepted = accepted;
  }

  async put(id: string, value: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#accepted.run("write a blob", async () => {
      checkBlob(id, value);
      await this.#writings.run(id, () => this.#put(id, value));
    });
  }

  async get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#accepted.run("read a blob", async () => {
      checkBlob(id);
      return await this.#get(id);
    });
  }

  async delete(id: string): Promise<void> {
    await this.#accepted.run("delete a blob", async () => {
      checkBlob(id);
      await this.#writings.run(id, () => this.#replaceHead(id, undefined));
    });
  }

  async #put(id: string, value: Uint8Array<ArrayBuffer>): Promise<void> {
    const generation = crypto.randomUUID();
    try {
      await this.#replaceHead(id, await this.#writeChunks(generation, value));
    } catch (error) {
      // If removing fails too, the next start removes the chunks.
      await this.#removeChunks(generation).catch(() => {});
      throw error;
    }
  }

  async #get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const seen = await this.#look(id);
    if (seen?.problem === undefined) return seen?.value;
    // Either the blob is damaged, or a write has just removed its chunks. Reading it again in the
    // queue of its id shows which.
    return await this.#writings.run(id, async () => {
      const { value, problem, stored } = await this.#look(id) ?? {};
      if (problem === undefined) return value;
      await this.#records.setAside(keys.blob(id), stored, problem);
      return undefined;
    });
  }

  async #look(id: string): Promise<Look | undefined> {
    const head = await this.#records.read(keys.blob(id), HEAD);
    if (head?.record === undefined) return head;
    return { stored: head.stored, ...await this.#read(head.record) };
  }

  /** Removes chunks that a crash has left; returns the number of unfinished writes. */
  async sweep(): Promise<number> {
    let count = 0;
    for await (const { key: [, generation] } of this.#kv.list({ prefix: keys.loose })) {
      await this.#removeChunks(String(generation));
      count++;
    }
    return count;
  }

  async #writeChunks(generation: string, value: Uint8Array<ArrayBuffer>): Promise<Head> {
    const chunks = Math.ceil(value.byteLength / MAX_VALUE_BYTES);
    const mark: Mutation = {
      type: "set",
      key: keys.looseChunks(generation),
      value: new Uint8Array(),
    };
    await this.#commits.commit([mark]);
    for (let first = 0; first < chunks; first += CHUNKS_PER_COMMIT) {
      const count = Math.min(CHUNKS_PER_COMMIT, chunks - first);
      await this.#commits.commit(Array.from({ length: count }, (_, i) => {
        const start = (first + i) * MAX_VALUE_BYTES;
        return {
          type: "set",
          key: keys.chunk(generation, first + i),
          value: value.subarray(start, start + MAX_VALUE_BYTES),
        };
      }));
    }
    return { generation, chunks, bytes: value.byteLength, sha256: await sha256(value) };
  }

  /**
   * Sets or deletes the head in one commit: from then on readers see the new value. Then removes
   * the chunks of the old one.
   */
  async #replaceHead(id: string, head: Head | undefined): Promise<void> {
    const old = await this.#records.get(keys.blob(id), HEAD);
    const mutations: Mutation[] = head === undefined ? [{ type: "delete", key: keys.blob(id) }] : [
      { type: "set", key: keys.blob(id), value: encodeRecord(HEAD, head) },
      { type: "delete", key: keys.looseChunks(head.generation) },
    ];
    if (old !== undefined) {
      const key = keys.looseChunks(old.generation);
      mutations.push({ type: "set", key, value: new Uint8Array() });
    }
    await this.#commits.commit(mutations);
    if (old !== undefined) await this.#removeChunks(old.generation);
  }

  /**
   * Removes the chunks of a generation, and its mark last, so that {@link KvBlobs.sweep} continues
   * after a crash.
   */
  async #removeChunks(generation: string): Promise<void> {
    let mutations: Mutation[] = [];
    for await (const { key } of this.#kv.list({ prefix: keys.chunks(generation) })) {
      mutations.push({ type: "delete", key });
      if (mutations.length < DELETES_PER_COMMIT) continue;
      await this.#commits.commit(mutations);
      mutations = [];
    }
    await this.#commits.commit([...mutations, {
      type: "delete",
      key: keys.looseChunks(generation),
    }]);
  }

  async #read(
    { generation, chunks, bytes, sha256: wanted }: Head,
  ): Promise<{ value: Uint8Array<ArrayBuffer>; problem?: string }> {
    const value = new Uint8Array(bytes);
    let [count, offset] = [0, 0];
    const prefix = keys.chunks(generation);
    for await (const { value: chunk } of this.#kv.list({ prefix }, { batchSize: 50 })) {
      if (!(chunk instanceof Uint8Array) || offset + chunk.byteLength > bytes) {
        return { value, problem: `its chunk ${count} is not what was written` };
      }
      value.set(chunk, offset);
      offset += chunk.byteLength;
      count++;
    }
    if (count !== chunks || offset !== bytes) {
      return { value, problem: `${count} of its ${chunks} chunks are there` };
    }
    if (await sha256(value) === wanted) return { value };
    return { value, problem: "its bytes are not those that were written" };
  }
}

async function sha256(value: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", value)).toHex();
}
