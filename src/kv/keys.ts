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
  /** The prefix of the chunks of one generation of a value. */
  chunks: (generation: string): Deno.KvKey => ["chunk", generation],
  chunk: (generation: string, index: number): Deno.KvKey => ["chunk", generation, index],
  /** The prefix of the marks of generations without a record: not yet, or no longer. */
  loose: ["loose"],
  looseChunks: (generation: string): Deno.KvKey => ["loose", generation],
  /** The changes of rows that are durable, and not yet written to their own keys. */
  journal: ["journal"],
  journalPart: (entry: number, part: number): Deno.KvKey => ["journal", entry, part],
  /** The prefix of all sessions: each has a head and a state. */
  sessions: ["session"],
  session: (id: string): Deno.KvKey => ["session", id],
  sessionState: (id: string): Deno.KvKey => ["session_state", id],
  sessionCount: ["session_count"],
  /** Sessions by a time at or before their expiry. */
  expiries: ["expiry"],
  expiry: (at: number, id: string): Deno.KvKey => ["expiry", at, id],
  /** Lives that have ended, and may still have variables and programs. */
  endedLives: ["ended_life"],
  endedLife: (life: string): Deno.KvKey => ["ended_life", life],
  /** The rows of one life; programs of all sessions are in the life "". */
  variables: (life: string): Deno.KvKey => ["variable", life],
  variable: (life: string, name: string): Deno.KvKey => ["variable", life, name],
  programs: (life: string): Deno.KvKey => ["program", life],
  program: (life: string, name: string): Deno.KvKey => ["program", life, name],
  /** The prefix of the lists of tools: a pool has one, whose body is in the generation. */
  toolLists: ["tool_list"],
  toolListsOf: (pool: string): Deno.KvKey => ["tool_list", pool],
  toolList: (pool: string, generation: string): Deno.KvKey => ["tool_list", pool, generation],
  /** The prefix of records that were set aside: a note with the reason, and the bytes. */
  corrupt: ["corrupt"],
  corruptNote: (id: string): Deno.KvKey => ["corrupt", id, "note"],
  corruptValue: (id: string): Deno.KvKey => ["corrupt", id, "value"],
} as const;
