import { messageOf } from "../../errors.ts";
import type { Mutation } from "../group_commit.ts";
import { keys } from "../keys.ts";
import type { Records } from "../records.ts";
import { decodeEntry, encodeEntry } from "./journal_entry.ts";
import type { RowChange } from "./row.ts";

/** The most keys that one commit removes, except those of one entry. */
const REMOVED_KEYS = 450;

/** The keys of the parts of an entry. */
type Entry = readonly Deno.KvKey[];

/** The entries of the journal in KV, in the order in which they were written. */
export class Journal {
  readonly #kv: Deno.Kv;
  readonly #records: Records;
  #next = 1;
  #entries: Entry[] = [];

  constructor(kv: Deno.Kv, records: Records) {
    this.#kv = kv;
    this.#records = records;
  }

  /** Makes changes durable as one entry. */
  async append(changes: readonly RowChange[]): Promise<void> {
    const entry = this.#next++;
    const atomic = this.#kv.atomic();
    const written = encodeEntry(changes).map((bytes, part) => {
      const key = keys.journalPart(entry, part);
      atomic.set(key, bytes);
      return key;
    });
    await atomic.commit();
    this.#entries.push(written);
  }

  /** Returns the entries, and begins to gather later ones. */
  take(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  /** Gives entries of {@link Journal.take} back that were not removed. */
  giveBack(entries: readonly Entry[]): void {
    this.#entries = [...entries, ...this.#entries];
  }

  /**
   * Removes entries, the oldest first, so that a crash leaves the later ones. No commit removes
   * half an entry: the other half could not be read.
   */
  async remove(entries: readonly Entry[]): Promise<void> {
    let group: Deno.KvKey[] = [];
    for (const [i, entry] of entries.entries()) {
      group.push(...entry);
      const nextParts = entries[i + 1]?.length;
      if (nextParts !== undefined && group.length + nextParts <= REMOVED_KEYS) continue;
      const atomic = this.#kv.atomic();
      for (const key of group) atomic.delete(key);
      await atomic.commit();
      group = [];
    }
  }

  /** Returns the changes of each entry of an earlier run. Sets unreadable entries aside. */
  async recover(): Promise<readonly (readonly Mutation[])[]> {
    const found = new Map<number, { parts: Uint8Array[]; entry: Deno.KvKey[] }>();
    for await (const { key, value } of this.#kv.list({ prefix: keys.journal })) {
      const number = Number(key[1]);
      const bytes = value instanceof Uint8Array ? value : new Uint8Array();
      if (!Number.isSafeInteger(number)) {
        await this.#records.setAside(key, bytes, "its key has no number");
        continue;
      }
      const { parts, entry } = found.get(number) ?? { parts: [], entry: [] };
      found.set(number, { parts, entry });
      parts.push(bytes);
      entry.push(key);
      this.#next = number + 1;
    }
    const changes: Mutation[][] = [];
    for (const { parts, entry } of found.values()) {
      this.#entries.push(entry);
      try {
        changes.push(decodeEntry(parts));
      } catch (error) {
        await this.#records.setAside(entry[0] ?? keys.journal, parts[0], messageOf(error));
      }
    }
    return changes;
  }
}
