import type { StopSignal } from "../../async/mod.ts";
import type { OutputSink } from "../../pool/mod.ts";
import type { FilePlace } from "../../bridge/mod.ts";
import type { Claim, Hold, JobRow, JsonObject, OutputsAsResult } from "../../store/mod.ts";
import type { Job } from "../job.ts";
import type { JobParent } from "../scripts/mod.ts";

/** A submission that a runner has checked, as the store keeps it. */
export interface PreparedJob {
  /** The name of the work, such as that of a tool. */
  readonly name: string;
  /** The pool whose slots it takes. */
  readonly pool: string;
  /** Everything that the runner needs besides the arguments. */
  readonly options: JsonObject;
  readonly args: Uint8Array<ArrayBuffer>;
  /** The places that name files, in order; absent if there are none. */
  readonly files?: readonly FilePlace[];
}

/** One start of a job, as its runner sees it. */
export interface Run {
  readonly claim: Claim;
  /**
   * Aborts when the job is cancelled, its claim is lost, or the host stops. The reason is the error
   * of the attempt.
   */
  readonly signal: AbortSignal;
  /** The same, for a single listener: `signal` is made when it is read, and costs more. */
  readonly stopSignal: StopSignal;
  /** Notes the worker that runs it; called when the work is sent to one. */
  begun(worker: string): void;
  /** Notes that the work has not begun after all: its worker has given it back, or skipped it. */
  waits(): void;
  /** Notes a report of progress, which is JSON. */
  progress(report: unknown): void;
  /** Receives what the work prints and logs; undefined if no logs are kept. */
  readonly output: OutputSink | undefined;
  /** Says something about the run in its log, as Snakeden. */
  note(text: string): void;
  /** Keeps a chunk; resolves when the next one may follow. */
  chunk(body: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Writes parts of the output with a checkpoint, in one commit, soon. Resolves when they are
   * durable; rejects if the claim was lost before. Of a run that was stopped for another reason,
   * they are written with its end at the latest.
   */
  commit(news: Required<Pick<Hold, "outputs" | "checkpoint">>): Promise<void>;
}

/** The result of a run that has succeeded. */
export interface RunResult {
  readonly result: Uint8Array<ArrayBuffer> | OutputsAsResult;
  /** The time that the work itself took, if it is known. */
  readonly runMs?: number;
}

/** A kind of jobs: what can be submitted, and how it runs. */
export interface Runner<Input = unknown> {
  /** The value of `kind`. */
  readonly kind: string;
  /**
   * Checks the part of a submission that is the runner's own.
   *
   * @param parent The job that submits it, by its token; undefined for all other submissions.
   * @throws {SnakedenError} Naming every field that is wrong.
   */
  prepare(input: Input, parent?: JobParent): PreparedJob | Promise<PreparedJob>;
  /**
   * Runs a job. Settles when the work is really over, also if the signal has aborted: another
   * attempt may begin then.
   *
   * @throws The error of the attempt.
   */
  run(run: Run): Promise<RunResult>;
  /**
   * True if a job goes on where it was stopped. Such a job is given back as soon as its host begins
   * to stop, rather than at the end of the drain.
   */
  readonly resumes?: boolean;
  /** True if a job of this kind gets a token, so that it can submit others. */
  readonly submits?: boolean;
  /**
   * Returns true if a job may wait for one certain worker, such as that of its session, rather than
   * be given back when no worker is free.
   */
  mayWait?(row: JobRow): boolean;
  /**
   * Returns the fields of a {@link Job} that only jobs of this kind have.
   *
   * @param progress The last report of progress, which may be newer than that of the row.
   */
  describe(row: JobRow, progress?: unknown): Partial<Job>;
}
