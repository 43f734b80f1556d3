import type { SnakedenError } from "../../errors.ts";
import type {
  CancelAnswer,
  Ended,
  FileRow,
  FileTotals,
  JobCount,
  JobEventOrReset,
  JobFilter,
  JobResult,
  LogPart,
  NewFile,
  QueuePatch,
  QueueRow,
  QueueToDeclare,
  RetryAnswer,
  StoreWait,
  SubmitAnswer,
} from "../../store/mod.ts";
import type { PackedBytes } from "./byte_parts.ts";
import type { OutputPage, PackedOutputs } from "./packed_outputs.ts";

/** A value in a message, in the form in which SQLite takes and returns it. */
export type Cell = string | number | null | Uint8Array;

/** Jobs to submit: `PACKED_CELLS` cells a job, and the arguments. */
export interface PackedJobs {
  readonly cells: readonly Cell[];
  readonly bytes: PackedBytes;
  /** The files that jobs name, by the index of the job; absent if none does. */
  readonly files?: readonly (readonly [job: number, ids: readonly string[]])[];
}

/** Extensions or ends of claims: a fixed number of cells an item, and its byte strings. */
export interface PackedHolds {
  readonly cells: readonly Cell[];
  readonly bytes: PackedBytes;
  /** The outputs of those that have some; absent if none has. */
  readonly outputs?: readonly PackedOutputs[];
  /** The lines of those that have some; absent if none has. */
  readonly logs?: PackedLines;
}

/** Lines for logs: the index of the item, `first`, `lines` and `leftOut` of each part. */
export interface PackedLines {
  readonly cells: readonly number[];
  readonly bytes: PackedBytes;
}

/** Jobs that were claimed: the cells of each job, and the nonces in the same order. */
export interface PackedClaims {
  readonly rows: readonly (readonly Cell[])[];
  readonly nonces: readonly string[];
  /** The checkpoints of those that have one, as JSON, by index. */
  readonly checkpoints?: ReadonlyMap<number, string>;
  readonly holder: string;
  readonly startedAt: number;
  readonly leaseUntil: number;
}

/** The operations of the writer: what each is asked, and what it answers. */
export interface WriteOps {
  readonly submit: { readonly ask: PackedJobs; readonly answer: SubmitAnswers | Refused };
  readonly claim: { readonly ask: ClaimOp; readonly answer: PackedClaims | null };
  readonly extend: { readonly ask: PackedHolds; readonly answer: readonly number[] };
  readonly finish: { readonly ask: PackedHolds; readonly answer: readonly number[] };
  readonly cancel: {
    readonly ask: { readonly ids: readonly string[]; readonly reason: string | null };
    readonly answer: readonly CancelAnswer[];
  };
  readonly retry: {
    readonly ask: { readonly ids: readonly string[] };
    readonly answer: readonly RetryAnswer[];
  };
  readonly declare: { readonly ask: readonly QueueToDeclare[]; readonly answer: null };
  readonly patch: {
    readonly ask: { readonly name: string; readonly patch: QueuePatch };
    readonly answer: QueueRow | null;
  };
  readonly addFile: { readonly ask: NewFile; readonly answer: FileRow };
  /** Removes a file by its id. */
  readonly removeFile: { readonly ask: string; readonly answer: RemovedFile };
  /** Reads files in the order of the changes, so that what is pinned before is there. */
  readonly findFiles: { readonly ask: readonly string[]; readonly answer: (FileRow | null)[] };
  /** `pinned`: the ids of files that stay. */
  readonly sweep: {
    readonly ask: { readonly pinned: readonly string[] };
    readonly answer: SweptJobs;
  };
  readonly abandon: { readonly ask: string; readonly answer: SweptJobs };
  /** Ends the wait of a claim, by the id of its message. */
  readonly leave: { readonly ask: number; readonly answer: null };
  /** Sets the most pages of the database; null takes that back. */
  readonly maxPages: { readonly ask: number | null; readonly answer: null };
  /** Looks at the time, for claims that wait. */
  readonly tick: { readonly ask: null; readonly answer: null };
}

/** An answer that is not `created`, with the index of its job. */
export type OtherAnswer = readonly [index: number, answer: SubmitAnswer];

/** The answers for an extension, by number. */
export const HOLD_ANSWERS = ["held", "cancelling", "lost"] as const;

/** The answer to a submission: the time of all new jobs, and the answers that are not `created`. */
export interface SubmitAnswers {
  readonly createdAt: number;
  readonly others: readonly OtherAnswer[];
  /** The first file that does not exist, by the indexes of job and file. Nothing was submitted. */
  readonly unknown?: { readonly job: number; readonly file: number; readonly id: string };
}

/** The refusal of a submission, by a queue that drains. */
export interface Refused {
  readonly draining: string;
}

/** The answer for a file to remove. */
export type RemovedFile = "removed" | "in_use" | "unknown";

/** A request for jobs. */
export interface ClaimOp {
  readonly pools: readonly { readonly pool: string; readonly slots: number }[];
  readonly holder: string;
  readonly leaseMs: number;
  /** True to wait until there is a job, or until the wait is ended. */
  readonly waits: boolean;
}

/** The work of a sweep. */
export interface SweptJobs {
  readonly ended: readonly Ended[];
  readonly lost: number;
  readonly removed: number;
  readonly unusedBlobs: readonly string[];
  readonly hasMore: boolean;
}

/** The operations of the reader. */
export interface ReadOps {
  readonly get: { readonly ask: string; readonly answer: PackedRecord | null };
  readonly args: { readonly ask: string; readonly answer: Uint8Array<ArrayBuffer> | null };
  readonly result: { readonly ask: string; readonly answer: JobResult | null };
  readonly outputs: {
    readonly ask: { readonly id: string; readonly after: number };
    readonly answer: OutputPage;
  };
  /** The ones of these blobs that have a name. */
  readonly named: { readonly ask: readonly string[]; readonly answer: readonly string[] };
  readonly list: { readonly ask: ListAsk; readonly answer: PackedPage };
  readonly ids: { readonly ask: ListAsk; readonly answer: PackedIds };
  readonly counts: { readonly ask: null; readonly answer: readonly JobCount[] };
  readonly files: { readonly ask: readonly string[]; readonly answer: (FileRow | null)[] };
  readonly listFiles: { readonly ask: FilesAsk; readonly answer: PackedFiles };
  readonly jobOfFile: { readonly ask: string; readonly answer: string | null };
  readonly fileTotals: { readonly ask: null; readonly answer: FileTotals };
  readonly waitOf: { readonly ask: string; readonly answer: StoreWait | null };
  readonly queues: { readonly ask: null; readonly answer: readonly QueueRow[] };
  readonly holders: {
    readonly ask: null;
    readonly answer: readonly { readonly holder: string; readonly jobs: number }[];
  };
  readonly events: {
    readonly ask: { readonly id: string; readonly after: number };
    readonly answer: EventPage;
  };
  readonly logs: {
    readonly ask: { readonly id: string; readonly after: number };
    readonly answer: LogPage;
  };
  readonly lastLine: { readonly ask: string; readonly answer: number };
}

/** A job with its attempts. */
export interface PackedRecord {
  readonly row: readonly Cell[];
  readonly attempts: readonly (readonly Cell[])[];
}

/** A page to read, behind the job with `before` as its `seq`. */
export interface ListAsk {
  readonly filter: JobFilter;
  readonly before: number | null;
  readonly limit: number;
}

/** A page: the cells of each job, and the `seq` of the last one if more may follow. */
export interface PackedPage {
  readonly rows: readonly (readonly Cell[])[];
  readonly next: number | null;
}

/** A page of files to read, of a job or of all, behind the file with `before` as its `seq`. */
export interface FilesAsk {
  readonly job: string | null;
  readonly before: number | null;
  readonly limit: number;
}

/** A page of files, and the `seq` of the last one if more may follow. */
export interface PackedFiles {
  readonly rows: readonly FileRow[];
  readonly next: number | null;
}

/** The ids of a page, and the `seq` of the last one if more may follow. */
export interface PackedIds {
  readonly ids: readonly string[];
  readonly next: number | null;
}

/** Events of a job. `isOver`: no further one follows, since the job has ended, or is gone. */
export interface EventPage {
  readonly events: readonly JobEventOrReset[];
  readonly hasMore: boolean;
  readonly isOver: boolean;
}

/**
 * Lines of a log. `isReset`: the log has no line `after`, and these are the first ones. `isOver`:
 * no further one follows, since the job has ended, or is gone.
 */
export interface LogPage {
  readonly parts: readonly LogPart[];
  readonly isReset: boolean;
  readonly hasMore: boolean;
  readonly isOver: boolean;
}

/** The operations of a thread, by name. */
export type Ops = Record<string, { readonly ask: unknown; readonly answer: unknown }>;

/** An operation of a batch. */
export interface Request<T extends object, K extends keyof T = keyof T> {
  readonly id: number;
  readonly op: K;
  readonly ask: unknown;
}

/** The operations that came in one turn of the event loop, with the time of the store. */
export interface Batch<T extends object> {
  readonly now: number;
  readonly requests: readonly Request<T>[];
}

/** An error in a form that can be sent. */
export interface PackedError {
  readonly message: string;
  /** The code, the details and the issues of an error that the operation has foreseen. */
  readonly code?: string;
  readonly retryable?: boolean;
  readonly details?: SnakedenError["details"];
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

/** The answer to one operation. */
export type Answer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: PackedError };

/** The answers to a batch. Claims that wait are answered in a later one. */
export interface Answers {
  readonly answers: readonly Answer[];
  /** The time of the next tick, if a claim waits for a time. */
  readonly tickAt?: number | undefined;
  /** The ids of jobs that have expired. */
  readonly ended?: readonly string[];
}

/** The first message of a thread. */
export type Opened =
  | { readonly opened: true; readonly storedTime: number; readonly warnings: readonly string[] }
  | { readonly opened: false; readonly error: string; readonly isDamaged: boolean };
