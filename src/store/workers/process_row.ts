import { z } from "zod";
import type { RecordType } from "../record.ts";

const rowSchema = z.object({
  /** The run whose host started the worker: 32 hexadecimal digits. */
  runId: z.string().regex(/^[0-9a-f]{32}$/),
  workerId: z.string().min(1),
  /** The id of one life of the worker. */
  incarnation: z.string().min(1),
  /** `reserved`: about to be spawned, or spawned a moment ago. */
  state: z.enum(["reserved", "active"]),
  /** ISO 8601, by the clock of the host. For people only; no code compares it. */
  reservedAt: z.string(),
  hostPid: z.int().positive(),
  pid: z.int().positive().optional(),
  /** The process group that the worker leads. */
  group: z.int().positive().optional(),
  /**
   * The start time that the system reports. Together with the pid it identifies a process for good.
   */
  startTime: z.string().optional(),
});

/**
 * The record of a worker, by which the next host finds it if this one dies. `runId` and
 * `incarnation` are its key. Each text has at most 256 characters, of any script.
 */
export type ProcessRow = Readonly<z.output<typeof rowSchema>>;

/** The key of a row. */
export type ProcessKey = Pick<ProcessRow, "runId" | "incarnation">;

/** The record type of a row. */
export const PROCESS_ROW: RecordType<ProcessRow> = {
  name: "process",
  version: 1,
  schema: rowSchema,
};
