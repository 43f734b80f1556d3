/** Every key of the store is built here. Each part of the store has its first word for itself. */
export const keys = {
  /** Who opened the store last. */
  opened: ["opened"],
  /** All rows of workers. */
  processes: ["process"],
  /** The row of one worker. */
  process: (runId: string, incarnation: string): Deno.KvKey => ["process", runId, incarnation],
  /** All heads of blobs. */
  blobs: ["blob"],
  /** What says where the chunks of a blob are. */
  blob: (id: string): Deno.KvKey => ["blob", id],
  /** The chunks of one writing of a blob. */
  chunks: (generation: string): Deno.KvKey => ["chunk", generation],
  chunk: (generation: string, index: number): Deno.KvKey => ["chunk", generation, index],
  /** Writings that have no head: not yet, or not any more. */
  loose: ["loose"],
  looseChunks: (generation: string): Deno.KvKey => ["loose", generation],
  /** What could not be read: why, and the bytes as they were. */
  corrupt: ["corrupt"],
  corruptNote: (id: string): Deno.KvKey => ["corrupt", id, "note"],
  corruptValue: (id: string): Deno.KvKey => ["corrupt", id, "value"],
} as const;
