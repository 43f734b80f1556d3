import type { Clock } from "../../../async/mod.ts";
import type { AcceptedWork } from "../../accepted_work.ts";
import { copiesOf, copyOf } from "../../copies.ts";
import { checkLimit } from "../../session_row.ts";
import type { Page, PageAsk } from "../../session_store.ts";
import { checkNewJobs } from "../check_new_job.ts";
import type { Claim, ClaimAsk, End, EndAnswer, Hold, HoldAnswer, JobResult } from "../claim.ts";
import type { FileFilter, FileRow, FileTotals, NewFile, PinnedFiles } from "../files/mod.ts";
import { type CursorUse, jobCursor, readJobCursor } from "../job_cursor.ts";
import {
  type JobCount,
  type JobEventOrReset,
  type JobFilter,
  type StoreWait,
} from "../job_filter.ts";
import { lastLineOf, type LogPartOrReset } from "../job_logs.ts";
import type { OutputsOptions, StoredOutput } from "../job_outputs.ts";
import { type JobRecord, type JobRow, type JobState } from "../job_row.ts";
import type {
  CancelAnswer,
  Changed,
  Holder,
  JobChoice,
  JobStore,
  JobStoreLimits,
  RetryAnswer,
  Swept,
} from "../job_store.ts";
import type { NewJob, SubmitAnswer } from "../new_job.ts";
import type { QueuePatch, QueueRow, QueueToDeclare } from "../queue_row.ts";
import { JobLife } from "./job_life.ts";
import { JobTable } from "./job_table.ts";
import { JobReaders, readEvents, readLog, readOutputs } from "./readers/mod.ts";
import {
  isWaiting,
  OPEN_STATES,
  recordOf,
  RETRIED_STATES,
  rowOf,
  type StoredJob,
} from "./stored_job.ts";
import { Submissions } from "./submission.ts";
import { WaitingClaims } from "./waiting_claims.ts";

/** The jobs that a filter changes in one call. */
const CHANGED_A_CALL = 1_000;
/** The jobs of each sort that one sweep changes. */
const SWEPT_A_CALL = 1_000;
/** The jobs whose time has come that one claim makes available. */
const PROMOTED_A_CLAIM = 10_000;

/** Dependencies of {@link MemoryJobs}. */
export interface MemoryJobsDeps {
  readonly accepted: AcceptedWork;
  readonly limits: JobStoreLimits;
  /** `now` is the time of the store, in whole milliseconds since 1970. */
  readonly clock: Clock;
}

/** The jobs of a store that lives as long as its host. */
export class MemoryJobs implements JobStore {
  readonly #table = new JobTable();
  readonly #submissions = new Submissions(this.#table);
  readonly #readers = new JobReaders((id) => this.#table.get(id));
  readonly #life: JobLife;
  readonly #claims: WaitingClaims<Started>;
  readonly #deps: MemoryJobsDeps;
  #lastNow = 0;

  constructor(deps: MemoryJobsDeps) {
    this.#deps = deps;
    const wake = (job: StoredJob): void => this.#readers.wake(job.id);
    this.#life = new JobLife({ table: this.#table, limits: deps.limits, wake });
    this.#claims = new WaitingClaims({
      timer: deps.clock,
      take: (ask) => this.#take(ask),
      waitMs: () => this.#nextAt() - this.#now(),
    });
  }

  submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]> {
    return this.#write("submit jobs", (now) => {
      checkNewJobs(jobs);
      return this.#submissions.submit(jobs, now);
    });
  }

  async claim(ask: ClaimAsk): Promise<readonly Claim[]> {
    const { signal } = ask;
    try {
      return await this.#deps.accepted.run("claim jobs", async () => {
        const started = await this.#claims.take(ask);
        const args = await copiesOf(started.map(({ args }) => args));
        return started.map(({ token, job, checkpoint }, i) => ({
          token,
          job,
          args: args[i] ?? new Uint8Array(),
          ...(checkpoint !== undefined && { checkpoint }),
        }));
      });
    } catch (error) {
      const isReason = error instanceof Error && error.cause === signal?.reason;
      throw signal?.aborted && isReason ? signal.reason : error;
    }
  }

  extend(holds: readonly Hold[]): Promise<readonly HoldAnswer[]> {
    return this.#write("extend claims", (now) => holds.map((it) => this.#life.extend(it, now)));
  }

  finish(ends: readonly End[]): Promise<readonly EndAnswer[]> {
    return this.#write("end claims", (now) => ends.map((it) => this.#life.finish(it, now)));
  }

  cancel(
    of: JobChoice,
    { reason = "", after }: Parameters<JobStore["cancel"]>[1] = {},
  ): Promise<Changed<CancelAnswer>> {
    const cancel = (id: string, now: number): CancelAnswer => ({
      id,
      answer: this.#life.cancel(this.#table.get(id), { reason, now }),
    });
    return this.#changeChosen("cancel", of, { after, states: OPEN_STATES, change: cancel });
  }

  retry(
    of: JobChoice,
    { after }: Parameters<JobStore["retry"]>[1] = {},
  ): Promise<Changed<RetryAnswer>> {
    const retry = (id: string, now: number): RetryAnswer => ({
      id,
      answer: this.#life.retry(this.#table.get(id), now),
    });
    return this.#changeChosen("retry", of, { after, states: RETRIED_STATES, change: retry });
  }

  get(id: string): Promise<JobRecord | undefined> {
    return this.#read("read a job", () => {
      const job = this.#table.get(id);
      return job && recordOf(job);
    });
  }

  args(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#deps.accepted.run("read the arguments of a job", async () => {
      const job = this.#table.get(id);
      return job && await copyOf(job.args);
    });
  }

  result(id: string): Promise<JobResult | undefined> {
    return this.#deps.accepted.run("read the result of a job", async () => {
      const result = this.#table.get(id)?.result;
      return result instanceof Uint8Array ? await copyOf(result) : result;
    });
  }

  areNamed(sha256s: readonly string[]): Promise<readonly boolean[]> {
    return this.#read(
      "look for the names of blobs",
      () => sha256s.map((it) => this.#table.blobNames.has(it)),
    );
  }

  list(filter: JobFilter, { after, limit }: PageAsk): Promise<Page<JobRow>> {
    return this.#deps.accepted.run("list jobs", async () => {
      checkLimit(limit);
      const { jobs, next } = await this.#find("list", filter, { filter, after, limit });
      return { items: jobs.map(rowOf), ...next };
    });
  }

  counts(): Promise<readonly JobCount[]> {
    return this.#read("count jobs", () => this.#table.lists.counts());
  }

  waitOf(id: string): Promise<StoreWait | undefined> {
    return this.#read("read a job", () => {
      const job = this.#table.get(id);
      return job && isWaiting(job.state) ? this.#table.waitOf(job, this.#now()) : undefined;
    });
  }

  events(
    id: string,
    after: number,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<JobEventOrReset> {
    return readEvents(this.#readers, id, { after, signal });
  }

  logs(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncIterable<LogPartOrReset> {
    return readLog(this.#readers, id, { after, ...options });
  }

  lastLine(id: string): Promise<number> {
    return this.#read("read the log of a job", () => {
      const log = this.#table.get(id)?.log;
      return log === undefined ? 0 : lastLineOf(log.end);
    });
  }

  outputs(id: string, after: number, options: OutputsOptions): AsyncIterable<StoredOutput> {
    return readOutputs(this.#readers, id, { after, ...options });
  }

  declareQueues(queues: readonly QueueToDeclare[]): Promise<void> {
    return this.#write("declare queues", () => {
      const { fair } = this.#table;
      this.#table.queues.declare(queues);
      const paths = new Map(queues.map(({ name, fairBy }) => [name, fairBy]));
      for (const name of [...fair.names(), ...paths.keys()]) fair.declare(name, paths.get(name));
      fair.forget();
    });
  }

  patchQueue(name: string, patch: QueuePatch): Promise<QueueRow | undefined> {
    return this.#write("change a queue", () => {
      if (this.#table.queueRow(name) === undefined) return undefined;
      this.#table.queues.patch(name, patch);
      return this.#table.queueRow(name);
    });
  }

  queues(): Promise<readonly QueueRow[]> {
    return this.#read("list queues", () => {
      const names = new Set([...this.#table.queues.names(), ...this.#table.lists.queues()]);
      return [...names].sort().flatMap((name) => this.#table.queueRow(name) ?? []);
    });
  }

  addFile(file: NewFile): Promise<FileRow> {
    return this.#write("add a file", (now) => this.#table.files.add(file, now));
  }

  getFiles(ids: readonly string[]): Promise<readonly (FileRow | undefined)[]> {
    return this.#read("read files", () => this.#table.files.get(ids, this.#now()));
  }

  listFiles(filter: FileFilter, page: PageAsk): Promise<Page<FileRow>> {
    return this.#read("list files", () => {
      checkLimit(page.limit);
      return this.#table.files.list(filter, page, this.#now());
    });
  }

  removeFile(id: string): ReturnType<JobStore["removeFile"]> {
    return this.#write("remove a file", (now) => this.#table.files.remove(id, now));
  }

  jobOfFile(id: string): Promise<string | undefined> {
    return this.#read("read a file", () => this.#table.files.jobOf(id));
  }

  fileTotals(): Promise<FileTotals> {
    return this.#read("count files", () => this.#table.files.totals());
  }

  pinFiles(ids: readonly string[]): Promise<PinnedFiles> {
    return this.#read("pin files", () => this.#table.files.pin(ids, this.#now()));
  }

  sweep(): Promise<Swept> {
    return this.#write(
      "sweep jobs",
      (now) => this.#life.sweep(now, SWEPT_A_CALL, this.#submissions),
    );
  }

  holders(): Promise<readonly Holder[]> {
    return this.#read("list holders", () => this.#table.listHolders());
  }

  abandon(holder: string): Promise<Swept> {
    return this.#write("end the claims of a holder", (now) => this.#life.abandon(holder, now));
  }

  /** Ends all that waits with `shutting_down`, also what begins later. */
  close(): void {
    this.#claims.close();
    this.#readers.close();
  }

  #take({ pools, holder, leaseMs }: ClaimAsk): Started[] {
    const now = this.#now();
    const { ready, queues } = this.#table;
    this.#life.promote(now, PROMOTED_A_CLAIM);
    ready.release(now);
    const isOpen = (queue: string): boolean =>
      queues.obstacle(queue, this.#table.running(queue), now) === undefined;
    const started: Started[] = [];
    for (const { pool, slots } of pools) {
      let free = slots;
      while (free > 0) {
        const job = ready.first(pool, { now, isOpen });
        if (job === undefined) break;
        if (!this.#life.expires(job, now)) {
          const token = this.#life.start(job, { holder, leaseUntil: now + leaseMs, now });
          const { args, outputs } = job;
          started.push({ token, job: rowOf(job), args, checkpoint: outputs?.checkpoint });
          free--;
        }
        ready.release(now);
      }
    }
    return started;
  }

  /** Returns the next time at which time alone may let a job start. */
  #nextAt(): number {
    const { due, ready, queues } = this.#table;
    const now = this.#now();
    return Math.min(due.first?.runAt ?? Infinity, ready.nextReleaseAt, queues.nextStartAt(now));
  }

  #changeChosen<T extends CancelAnswer | RetryAnswer>(
    use: CursorUse,
    of: JobChoice,
    { after, states, change }: {
      readonly after: string | undefined;
      readonly states: readonly JobState[];
      readonly change: (id: string, now: number) => T;
    },
  ): Promise<Changed<T>> {
    if ("ids" in of) {
      return this.#write(
        `${use} jobs`,
        (now) => ({ answers: of.ids.map((it) => change(it, now)) }),
      );
    }
    return this.#deps.accepted.run(`${use} jobs`, async () => {
      const limit = CHANGED_A_CALL;
      const chosen = of.filter.states?.filter((it) => states.includes(it)) ?? states;
      const filter = { ...of.filter, states: chosen };
      const { jobs, next } = await this.#find(use, filter, { filter: of.filter, after, limit });
      const now = this.#now();
      // Some may have changed while others were looked for.
      const still = jobs.filter((it) => chosen.includes(it.state));
      const answers = still.map(({ id }) => change(id, now));
      this.#changed(now);
      return { answers: answers.filter(({ answer }) => answer !== "draining"), ...next };
    });
  }

  async #find(
    use: CursorUse,
    chosen: JobFilter,
    { filter, after, limit }: {
      /** The filter that the cursor belongs to. */
      readonly filter: JobFilter;
      readonly after: string | undefined;
      readonly limit: number;
    },
  ): Promise<{ readonly jobs: readonly StoredJob[]; readonly next: { readonly next?: string } }> {
    const before = after === undefined ? Infinity : readJobCursor(use, filter, after);
    const found = await this.#table.lists.find(chosen, before, limit + 1);
    const jobs = found.slice(0, limit);
    const last = jobs.at(-1);
    if (found.length <= limit || last === undefined) return { jobs, next: {} };
    return { jobs, next: { next: jobCursor(use, filter, last.seq) } };
  }

  #now(): number {
    return this.#lastNow = Math.max(this.#lastNow, this.#deps.clock.now());
  }

  #read<T>(action: string, read: () => T): Promise<T> {
    return this.#deps.accepted.run(action, () => Promise.try(read));
  }

  #write<T>(action: string, write: (now: number) => T): Promise<T> {
    return this.#deps.accepted.run(action, () =>
      Promise.try(() => {
        const now = this.#now();
        const answer = write(now);
        this.#changed(now);
        return answer;
      }));
  }

  /** Follows each change: it may have made room for jobs. */
  #changed(now: number): void {
    this.#table.ready.release(now);
    this.#claims.ring();
  }
}

/** A job that was claimed, with the arguments as the store has them. */
interface Started extends Pick<Claim, "token" | "job"> {
  readonly checkpoint: Claim["checkpoint"];
  readonly args: Uint8Array<ArrayBuffer>;
}
