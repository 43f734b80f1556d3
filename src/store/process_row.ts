import { z } from "zod";
import type { RecordType } from "./record.ts";

const rowSchema = z.object({
  /** The run whose host started the worker; 128 random bits. */
  runId: z.string().regex(/^[0-9a-f]{32}$/),
  workerId: z.string().min(1),
  /** One life of a worker. */
  incarnation: z.string().min(1),
  /** `reserved`: about to be spawned, or spawned a moment ago. */
  state: z.enum(["reserved", "active"]),
  /** ISO 8601, by the clock of the host. For people: nothing compares it. */
  reservedAt: z.string(),
  hostPid: z.int().positive(),
  pid: z.int().positive().optional(),
  /** The process group that it leads. */
  group: z.int().positive().optional(),
  /** As the system tells it; together with the pid it names one process for ever. */
  startTime: z.string().optional(),
});

/**
 * A worker as it is recorded, so that the next host finds it should this one die. `runId` and
 * `incarnation` name the row. Hosts write at most 256 characters, of any script, into each text.
 */
export type ProcessRow = Readonly<z.output<typeof rowSchema>>;

/** What names a row. */
export type ProcessKey = Pick<ProcessRow, "runId" | "incarnation">;

/** How rows are stored. */
export const PROCESS_ROW: RecordType<ProcessRow> = {
  name: "process",
  version: 1,
  schema: rowSchema,
};
