import { z } from "zod";
import { keys } from "./keys.ts";
import type { RecordType } from "./records.ts";

const rowSchema = z.object({
  runId: z.string().regex(/^[0-9a-f]{32}$/),
  workerId: z.string().min(1),
  incarnation: z.string().min(1),
  /** `reserved`: about to be spawned, or spawned a moment ago. */
  state: z.enum(["reserved", "active"]),
  /** ISO 8601. */
  reservedAt: z.string(),
  hostPid: z.int().positive(),
  pid: z.int().positive().optional(),
  /** The group that it leads. */
  group: z.int().positive().optional(),
  /** As the system tells it; together with the pid it names one process for ever. */
  startTime: z.string().optional(),
});

/** A worker as it is recorded, so that the next host finds it should this one die. */
export type ProcessRow = Readonly<z.output<typeof rowSchema>>;

/** How rows are stored. */
export const PROCESS_ROW: RecordType<ProcessRow> = {
  name: "process",
  version: 1,
  schema: rowSchema,
};

/** @throws {Error} When a row stands where another belongs. */
export function checkRowKey({ runId, incarnation }: ProcessRow, key: Deno.KvKey): void {
  const own = keys.process(runId, incarnation);
  if (own.length === key.length && own.every((part, i) => part === key[i])) return;
  throw new Error(`its key should be ${own.join("/")}`);
}
