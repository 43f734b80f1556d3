import type { CheckedBatch, CheckedCall } from "./job_schema.ts";
import type { CheckedCommand, CheckedScript } from "./program_schema.ts";

/** A submission that was checked. */
export type CheckedJob = CheckedCall | CheckedBatch | CheckedScript | CheckedCommand;
