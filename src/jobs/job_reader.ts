import { readFrame } from "../bridge/mod.ts";
import type { JobsConfig } from "../config/mod.ts";
import {
  type BlobRef,
  type Blobs,
  isFinal,
  type JobRow,
  type JobStore,
  type NewJob,
  type OutputsAsResult,
  type SubmitAnswer,
} from "../store/mod.ts";
import { checkedChoice, checkedPage, namedCursor } from "./choice.ts";
import type { Job, JobChoice, JobListOptions, JobPage } from "./job.ts";
import { errorOf, unfinished, unknownJob } from "./job_errors.ts";
import { jobOf } from "./job_view.ts";
import type { Runners } from "./runners/mod.ts";
import { StoredBlob } from "./stored_blob.ts";
import { type PoolStates, waitingFor } from "./waiting_for.ts";

/** The jobs that this host runs. */
export interface RunningJobs {
  /** Stops those of the jobs that run here, which were cancelled. */
  stop(ids: readonly string[]): void;
  /** Returns what is known of a job that runs here; undefined if it does not. */
  running(id: string): { readonly worker?: string; readonly progress?: unknown } | undefined;
}

/** Returns a value that the store has kept, in the form in which it is shown. */
export type ReadValue = (frame: Uint8Array<ArrayBuffer>) => unknown;

/** Returns a stored value, decoded. */
export function decodedFrame(frame: Uint8Array<ArrayBuffer>): unknown {
  return readFrame(frame).decode();
}

/** Dependencies of {@link JobReader}. */
export interface JobReaderDeps {
  readonly store: JobStore;
  readonly blobs: Pick<Blobs, "open">;
  readonly engine: RunningJobs;
  readonly runners: Runners;
  readonly config: Pick<JobsConfig, "inlineResultBytes">;
  readonly pools: PoolStates;
  readonly read: ReadValue;
}

/** Reads jobs from the store, and shows them. */
export class JobReader {
  readonly #deps: JobReaderDeps;

  constructor(deps: JobReaderDeps) {
    this.#deps = deps;
  }

  /** Returns a job, whole; undefined if there is none. */
  async find(id: string): Promise<Job | undefined> {
    const { store, engine, config, pools, read } = this.#deps;
    const row = await store.get(id);
    if (row === undefined) return undefined;
    if (row.state === "completed") {
      const isShort = (row.resultBytes ?? 0) <= config.inlineResultBytes;
      const stored = isShort ? await store.result(id) : undefined;
      const bytes = stored instanceof Uint8Array ? stored : await this.#bytesOf(id, stored);
      const result = bytes && { value: read(bytes) };
      return jobOf(row, { own: this.#own(row), result });
    }
    if (isFinal(row.state)) return jobOf(row, { own: this.#own(row) });
    if (row.state === "running") {
      const live = engine.running(id);
      return jobOf(row, { own: this.#own(row, live?.progress), live });
    }
    const wait = waitingFor(row, await store.waitOf(id), pools);
    return jobOf(row, { own: this.#own(row), waitingFor: wait });
  }

  /** Shows a job by its submission: one that was just created, or that was removed since. */
  created(job: NewJob, { id, state, createdAt, runAt }: SubmitAnswer): Job {
    const { args: _args, ...fields } = job;
    const startBy = job.ttlMs === undefined ? {} : { startBy: createdAt + job.ttlMs };
    const counts = { seq: 0, attempt: 0, run: 0 };
    const row = { ...fields, ...counts, ...startBy, id, state, createdAt, runAt };
    return jobOf(row, { own: this.#own(row) });
  }

  /** Lists jobs, as {@link Jobs.list} does. */
  async list(choice: JobChoice, options: JobListOptions): Promise<JobPage> {
    const page = checkedPage(options);
    const filter = checkedChoice(choice);
    const { items, next } = await this.#deps.store.list(filter, page).catch(namedCursor);
    return {
      items: items.map((row) => this.#listed(row)),
      ...(next === undefined ? {} : { cursor: next }),
    };
  }

  /**
   * Returns the result of a job, as it is stored: its bytes, or a blob.
   *
   * @throws {SnakedenError} `unknown_job`, `job_unfinished`, or the error of the job.
   */
  async result(id: string): Promise<Uint8Array<ArrayBuffer> | StoredBlob | OutputsAsResult> {
    const { store, blobs } = this.#deps;
    let lastRun = 0;
    while (true) {
      const row = await store.get(id);
      if (row === undefined) throw unknownJob(id);
      if (!isFinal(row.state)) throw unfinished(row);
      if (row.state !== "completed") throw errorOf(row);
      const result = await store.result(id);
      if (result instanceof Uint8Array) return result;
      if (result !== undefined) {
        return "outputs" in result ? result : new StoredBlob(result, { jobId: id, blobs });
      }
      // It was removed between the two reads, or somebody has retried it.
      if (row.run === lastRun) throw unknownJob(id);
      lastRun = row.run;
    }
  }

  /** Returns the bytes of a blob; undefined without it, since the job can be shown all the same. */
  async #bytesOf(
    jobId: string,
    ref: BlobRef | OutputsAsResult | undefined,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (ref === undefined || "outputs" in ref) return undefined;
    const { blobs } = this.#deps;
    return await new StoredBlob(ref, { jobId, blobs }).read().catch(() => undefined);
  }

  #listed(row: JobRow): Job {
    const live = row.state === "running" ? this.#deps.engine.running(row.id) : undefined;
    return jobOf(row, { own: this.#own(row, live?.progress), live });
  }

  #own(row: JobRow, progress = row.progress): Partial<Job> {
    return this.#deps.runners[row.kind]?.describe(row, progress) ?? {};
  }
}
