import { z } from "zod";

/** The schema of what a driver keeps about a record that it set aside. */
export const setAsideSchema = z.object({
  id: z.string(),
  key: z.array(z.string()),
  reason: z.string(),
  at: z.string(),
  bytes: z.number(),
});

/** A record that could not be read, and was moved out of the way. */
export interface SetAside {
  readonly id: string;
  /** Names the record: `["process", runId, incarnation]`, `["blob", id]`. */
  readonly key: readonly string[];
  readonly reason: string;
  /** ISO 8601, by the clock of the host that found it. For people only; no code compares it. */
  readonly at: string;
  readonly bytes: number;
}
