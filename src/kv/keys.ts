/**
 * The keys of the store. All are built here, and each part of the store has a first word of its
 * own.
 */
export const keys = {
  /** The host that opened the store last. */
  opened: ["opened"],
  /** The prefix of all process rows. */
  processes: ["process"],
  /** The row of one worker. */
  process: (runId: string, incarnation: string): Deno.KvKey => ["process", runId, incarnation],
  /** The prefix of the heads of all blobs. */
  blobs: ["blob"],
  /** The head of one blob, which names its chunks. */
  blob: (id: string): Deno.KvKey => ["blob", id],
  /** The prefix of the chunks of one generation of a blob. */
  chunks: (generation: string): Deno.KvKey => ["chunk", generation],
  chunk: (generation: string, index: number): Deno.KvKey => ["chunk", generation, index],
  /** The prefix of the marks of generations without a head: not yet, or no longer. */
  loose: ["loose"],
  looseChunks: (generation: string): Deno.KvKey => ["loose", generation],
  /** The prefix of records that were set aside: a note with the reason, and the bytes. */
  corrupt: ["corrupt"],
  corruptNote: (id: string): Deno.KvKey => ["corrupt", id, "note"],
  corruptValue: (id: string): Deno.KvKey => ["corrupt", id, "value"],
} as const;
