import {
  type AcceptedWork,
  type Blobs,
  checkBlob,
  encodeRecord,
  KeyedQueue,
  type RecordType,
} from "../store/mod.ts";
import type { GroupCommit, Mutation } from "./group_commit.ts";
import { keys } from "./keys.ts";
import { type Generation, generationSchema, type KvChunks } from "./kv_chunks.ts";
import type { Records } from "./records.ts";

const HEAD: RecordType<Generation> = { name: "blob", version: 1, schema: generationSchema };

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
  readonly chunks: KvChunks;
  readonly commits: GroupCommit;
  readonly records: Records;
  readonly accepted: AcceptedWork;
}

/**
 * The blobs: each has a head, which names the generation of its chunks. One commit replaces the
 * head, so that a reader sees either the old value or the new one.
 */
export class KvBlobs implements Blobs {
  readonly #chunks: KvChunks;
  readonly #commits: GroupCommit;
  readonly #records: Records;
  readonly #accepted: AcceptedWork;
  /**
   * Serializes the writes of one id, since each removes the generation that the one before it
   * wrote.
   */
  readonly #writings = new KeyedQueue();

  constructor({ chunks, commits, records, accepted }: KvBlobsDeps) {
    this.#chunks = chunks;
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
    const head = await this.#chunks.write(value);
    try {
      await this.#replaceHead(id, head);
    } catch (error) {
      // If removing fails too, the next start removes the chunks.
      await this.#chunks.remove(head.generation).catch(() => {});
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
    return { stored: head.stored, ...await this.#chunks.read(head.record) };
  }

  /**
   * Sets or deletes the head in one commit: from then on readers see the new value. Then removes
   * the chunks of the old one.
   */
  async #replaceHead(id: string, head: Generation | undefined): Promise<void> {
    const old = await this.#records.get(keys.blob(id), HEAD);
    const mutations: Mutation[] = head === undefined ? [{ type: "delete", key: keys.blob(id) }] : [
      { type: "set", key: keys.blob(id), value: encodeRecord(HEAD, head) },
      this.#chunks.bind(head),
    ];
    if (old !== undefined) mutations.push(this.#chunks.release(old));
    await this.#commits.commit(mutations);
    if (old !== undefined) await this.#chunks.remove(old.generation);
  }
}
