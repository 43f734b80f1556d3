import type { UniqueMode } from "../../../store/mod.ts";
import type { Cell } from "../statements.ts";

/** The number of cells of a job in {@link PackedJobs}. */
export const PACKED_CELLS = 21;

/** A submission: the cells of a job by name. */
export interface Submission {
  readonly id: string;
  readonly queue: string;
  readonly pool: string;
  readonly startAt: number | null;
  readonly startInMs: number | null;
  readonly ttlMs: number | null;
  readonly settings: string;
  readonly idem: string | null;
  /** The hash for the idempotency key, or for the id if there is no key. */
  readonly hash: string | null;
  readonly idemTtlMs: number | null;
  readonly uniq: string | null;
  readonly mode: UniqueMode | null;
  readonly ckey: string | null;
  readonly rkey: string | null;
  readonly tags: string | null;
  readonly options: string | null;
  readonly cells: readonly Cell[];
  readonly at: number;
  /** The files that it names. */
  readonly files: readonly string[];
}

export const NO_FILES: readonly string[] = [];

export function readSubmission(
  cells: readonly Cell[],
  at: number,
  files: readonly string[],
): Submission {
  return {
    id: cells[at] as string,
    queue: cells[at + 3] as string,
    pool: cells[at + 4] as string,
    startAt: cells[at + 7] as number | null,
    startInMs: cells[at + 8] as number | null,
    ttlMs: cells[at + 9] as number | null,
    settings: cells[at + 10] as string,
    idem: cells[at + 11] as string | null,
    hash: cells[at + 12] as string | null,
    idemTtlMs: cells[at + 13] as number | null,
    uniq: cells[at + 14] as string | null,
    mode: cells[at + 15] as UniqueMode | null,
    ckey: cells[at + 16] as string | null,
    rkey: cells[at + 17] as string | null,
    tags: cells[at + 18] as string | null,
    options: cells[at + 20] as string | null,
    cells,
    at,
    files,
  };
}
