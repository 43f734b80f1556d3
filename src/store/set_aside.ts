import { z } from "zod";

/** The schema of the note that a driver keeps about a record that it set aside. */
export const setAsideSchema = z.object({
  id: z.string(),
  key: z.array(z.string()),
  reason: z.string(),
  at: z.string(),
  bytes: z.number(),
});

/** A record that could not be read, and was moved out of the way. */
export interface SetAside {
  /** The id under which the store keeps it now. */
  readonly id: string;
  /**
   * The key of the record: `["process", runId, incarnation]`, or, for sessions and lists of tools,
   * one that begins with the kind of the record.
   */
  readonly key: readonly string[];
  /** The reason why it could not be read. */
  readonly reason: string;
  /**
   * The time at which it was found: ISO 8601, by the clock of that host. For people only; no code
   * compares it.
   */
  readonly at: string;
  /** The length of the record. */
  readonly bytes: number;
}
