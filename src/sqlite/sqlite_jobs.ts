import type { Clock } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import {
  AcceptedWork,
  type CancelAnswer,
  type Changed,
  checkLimit,
  checkNewJobs,
  type Claim,
  type ClaimAsk,
  type End,
  type EndAnswer,
  type FileFilter,
  type FileRow,
  type FileTotals,
  FINAL_STATES,
  type Hold,
  type HoldAnswer,
  type Holder,
  JOB_STATES,
  type JobChoice,
  type JobCount,
  jobCursor,
  type JobEventOrReset,
  type JobFilter,
  type JobRecord,
  type JobResult,
  type JobRow,
  type JobState,
  type JobStore,
  type LogPartOrReset,
  type MovedAside,
  type NewFile,
  type NewJob,
  type OutputsOptions,
  type Page,
  type PageAsk,
  type PinnedFiles,
  queueDraining,
  type QueuePatch,
  type QueueRow,
  type QueueToDeclare,
  readJobCursor,
  type RetryAnswer,
  type StoredOutput,
  type StoreWait,
  type SubmitAnswer,
  type Swept,
} from "../store/mod.ts";
import { chosenIds, SLOW } from "./chosen_ids.ts";
import { JobFollowers } from "./job_followers.ts";
import { JobWatchers } from "./job_watchers.ts";
import { OrderedPacking } from "./ordered_packing.ts";
import {
  attemptOf,
  inStoreTime,
  packEnds,
  packHolds,
  readRow,
  readToken,
  submitAnswers,
  unpackClaims,
} from "./pack_jobs.ts";
import { stateOf } from "./schema/mod.ts";
import { SqliteFiles } from "./sqlite_files.ts";
import { HOLD_ANSWERS, type ReadOps, type SweptJobs, type WriteOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";
import { WaitingClaims } from "./waiting_claims.ts";

/** The parts of {@link SqliteJobs}. */
export interface SqliteJobsDeps {
  readonly writer: StoreThread<WriteOps>;
  readonly reader: StoreThread<ReadOps>;
  readonly clock: Clock;
  readonly now: () => number;
  /** Returns by how much the time of the store is ahead of the clock of this host. */
  readonly skewMs: () => number;
  readonly movedAside: MovedAside | undefined;
  readonly warnings: readonly string[];
}

/**
 * The jobs of a data directory, in SQLite. Two threads run all SQL: one writes, in groups of
 * operations that share a commit, and one reads. This class checks, packs and unpacks.
 */
export class SqliteJobs implements JobStore, AsyncDisposable {
  /** The database that could not be used, and was moved aside. */
  readonly movedAside: MovedAside | undefined;
  /** Facts about the database that its operator should know. */
  readonly warnings: readonly string[];
  readonly #writer: StoreThread<WriteOps>;
  readonly #reader: StoreThread<ReadOps>;
  readonly #accepted = new AcceptedWork();
  readonly #skewMs: () => number;
  readonly #watchers = new JobWatchers();
  readonly #followers: JobFollowers;
  readonly #claims: WaitingClaims;
  readonly #files: SqliteFiles;
  readonly #packing = new OrderedPacking();

  constructor(deps: SqliteJobsDeps) {
    const { writer, reader, clock, now, skewMs, movedAside, warnings } = deps;
    this.#writer = writer;
    this.#reader = reader;
    this.movedAside = movedAside;
    this.warnings = warnings;
    this.#skewMs = skewMs;
    this.#followers = new JobFollowers({
      reader,
      accepted: this.#accepted,
      watchers: this.#watchers,
    });
    this.#claims = new WaitingClaims({ writer, clock, now });
    this.#files = new SqliteFiles({ accepted: this.#accepted, writer, reader });
  }

  /** Notes the news of a batch: the time of the next tick, and jobs that have expired. */
  onBatch(tickAt: number | undefined, ended: readonly string[]): void {
    this.#claims.setTick(tickAt);
    for (const id of ended) this.#watchers.wake(id);
  }

  submit(given: readonly NewJob[]): Promise<readonly SubmitAnswer[]> {
    return this.#accepted.run("submit jobs", async () => {
      checkNewJobs(given);
      if (given.length === 0) return [];
      const jobs = inStoreTime(given, this.#skewMs());
      const packing = this.#packing.pack(jobs);
      const packed = packing instanceof Promise ? await packing : packing;
      const transfer = [packed.bytes.bytes.buffer];
      const options = { weight: jobs.length, transfer };
      const answers = await this.#writer.call("submit", packed, options);
      if ("draining" in answers) throw queueDraining(answers.draining);
      return submitAnswers(jobs, answers);
    });
  }

  async claim(ask: ClaimAsk): Promise<readonly Claim[]> {
    ask.signal?.throwIfAborted();
    const claims = await this.#accepted.run("claim jobs", () => this.#claims.claim(ask));
    if (claims !== null) return unpackClaims(claims);
    ask.signal?.throwIfAborted();
    if (this.#claims.isClosed) {
      throw new SnakedenError("shutting_down", "Cannot claim jobs: the store is closed");
    }
    return [];
  }

  extend(holds: readonly Hold[]): Promise<readonly HoldAnswer[]> {
    return this.#accepted.run("extend claims", async () => {
      if (holds.length === 0) return [];
      const answers = await this.#writer.call("extend", packHolds(holds), { weight: holds.length });
      for (const { token, chunks, logs, outputs } of holds) {
        if (hasSome(chunks) || hasSome(logs) || hasSome(outputs)) this.#wakeByToken(token);
      }
      return answers.map((it) => HOLD_ANSWERS[it] ?? "lost");
    });
  }

  finish(ends: readonly End[]): Promise<readonly EndAnswer[]> {
    return this.#accepted.run("end claims", async () => {
      if (ends.length === 0) return [];
      const places = await this.#writer.call("finish", packEnds(ends), { weight: ends.length });
      for (const { token } of ends) this.#wakeByToken(token);
      return places.map((place): EndAnswer =>
        place < 0 ? { answer: "lost" } : { answer: "done", state: stateOf(place) }
      );
    });
  }

  cancel(
    of: JobChoice,
    { reason, after }: {
      readonly reason?: string | undefined;
      readonly after?: string | undefined;
    } = {},
  ): Promise<Changed<CancelAnswer>> {
    return this.#accepted.run("cancel jobs", async () => {
      const states = JOB_STATES.filter((it) => !FINAL_STATES.some((end) => end === it));
      const { ids, next } = await chosenIds("cancel", of, { after, states, reader: this.#reader });
      const ask = { ids, reason: reason ?? null };
      const answers = await this.#writer.call("cancel", ask, { weight: ids.length });
      for (const { id, answer } of answers) if (answer === "cancelled") this.#watchers.wake(id);
      if ("ids" in of) return { answers };
      // One that has ended meanwhile does not match any more.
      const matching = answers.filter(({ answer }) => answer !== "ended" && answer !== "unknown");
      return { answers: matching, ...(next !== undefined && { next }) };
    });
  }

  retry(
    of: JobChoice,
    { after }: { readonly after?: string | undefined } = {},
  ): Promise<Changed<RetryAnswer>> {
    return this.#accepted.run("retry jobs", async () => {
      const states: JobState[] = ["scheduled", "retryable", ...FINAL_STATES];
      const { ids, next } = await chosenIds("retry", of, { after, states, reader: this.#reader });
      const answers = await this.#writer.call("retry", { ids }, { weight: ids.length });
      if ("ids" in of) return { answers };
      const matching = answers.filter(({ answer }) => answer === "retried");
      return { answers: matching, ...(next !== undefined && { next }) };
    });
  }

  get(id: string): Promise<JobRecord | undefined> {
    return this.#accepted.run("read a job", async () => {
      const record = await this.#reader.call("get", id);
      if (record === null) return undefined;
      return { ...readRow(record.row), attempts: record.attempts.map(attemptOf) };
    });
  }

  args(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#accepted.run(
      "read the arguments of a job",
      async () => await this.#reader.call("args", id) ?? undefined,
    );
  }

  result(id: string): Promise<JobResult | undefined> {
    return this.#accepted.run(
      "read the result of a job",
      async () => await this.#reader.call("result", id) ?? undefined,
    );
  }

  areNamed(sha256s: readonly string[]): Promise<readonly boolean[]> {
    return this.#accepted.run("look for the names of blobs", async () => {
      const named = new Set(await this.#reader.call("named", sha256s));
      return sha256s.map((it) => named.has(it));
    });
  }

  list(filter: JobFilter, { after, limit }: PageAsk): Promise<Page<JobRow>> {
    return this.#accepted.run("list jobs", async () => {
      checkLimit(limit);
      const before = after === undefined ? null : readJobCursor("list", filter, after);
      const page = await this.#reader.call("list", { filter, before, limit }, SLOW);
      return {
        items: page.rows.map(readRow),
        ...(page.next !== null && { next: jobCursor("list", filter, page.next) }),
      };
    });
  }

  counts(): Promise<readonly JobCount[]> {
    return this.#accepted.run("count jobs", () => this.#reader.call("counts", null));
  }

  waitOf(id: string): Promise<StoreWait | undefined> {
    return this.#accepted.run(
      "read a job",
      async () => await this.#reader.call("waitOf", id) ?? undefined,
    );
  }

  events(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<JobEventOrReset> {
    return this.#followers.events(id, after, options);
  }

  logs(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncIterable<LogPartOrReset> {
    return this.#followers.logs(id, after, options);
  }

  lastLine(id: string): Promise<number> {
    return this.#accepted.run("read the log of a job", () => this.#reader.call("lastLine", id));
  }

  outputs(id: string, after: number, options: OutputsOptions): AsyncIterable<StoredOutput> {
    return this.#followers.outputs(id, after, options);
  }

  declareQueues(queues: readonly QueueToDeclare[]): Promise<void> {
    return this.#accepted.run("declare queues", async () => {
      await this.#writer.call("declare", queues);
    });
  }

  patchQueue(name: string, patch: QueuePatch): Promise<QueueRow | undefined> {
    return this.#accepted.run(
      "change a queue",
      async () => await this.#writer.call("patch", { name, patch }) ?? undefined,
    );
  }

  queues(): Promise<readonly QueueRow[]> {
    return this.#accepted.run("list queues", () => this.#reader.call("queues", null));
  }

  addFile(file: NewFile): Promise<FileRow> {
    return this.#files.addFile(file);
  }

  getFiles(ids: readonly string[]): Promise<readonly (FileRow | undefined)[]> {
    return this.#files.getFiles(ids);
  }

  listFiles(filter: FileFilter, page: PageAsk): Promise<Page<FileRow>> {
    return this.#files.listFiles(filter, page);
  }

  removeFile(id: string): Promise<"removed" | "in_use" | "unknown"> {
    return this.#files.removeFile(id);
  }

  jobOfFile(id: string): Promise<string | undefined> {
    return this.#files.jobOfFile(id);
  }

  fileTotals(): Promise<FileTotals> {
    return this.#files.fileTotals();
  }

  pinFiles(ids: readonly string[]): Promise<PinnedFiles> {
    return this.#files.pinFiles(ids);
  }

  sweep(): Promise<Swept> {
    return this.#accepted.run(
      "sweep jobs",
      async () => this.#swept(await this.#writer.call("sweep", { pinned: this.#files.pinned })),
    );
  }

  holders(): Promise<readonly Holder[]> {
    return this.#accepted.run("list holders of jobs", () => this.#reader.call("holders", null));
  }

  abandon(holder: string): Promise<Swept> {
    return this.#accepted.run("end the claims of a holder", async () => {
      const ended: SweptJobs["ended"][number][] = [];
      let lost = 0;
      while (true) {
        const part = await this.#writer.call("abandon", holder);
        ended.push(...part.ended);
        lost += part.lost;
        if (!part.hasMore) return this.#swept({ ...part, ended, lost });
      }
    });
  }

  /**
   * Limits the size of the database, which then behaves as on a full disk: writes that need more
   * pages fail with `store_failed`. Undefined takes the limit back.
   */
  setMaxPages(pages: number | undefined): Promise<void> {
    return this.#accepted.run("limit the database", async () => {
      await this.#writer.call("maxPages", pages ?? null);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchers.close(
      new SnakedenError("shutting_down", "Cannot follow a job: the store is closed"),
    );
    this.#claims.close();
    await this.#accepted.close(async () => {
      // The reader first: the last connection moves the log into the database.
      await this.#reader.close();
      await this.#writer.close();
    });
  }

  #swept(swept: SweptJobs): Swept {
    for (const { id } of swept.ended) this.#watchers.wake(id);
    if (swept.removed > 0) this.#watchers.wakeAll();
    return swept;
  }

  #wakeByToken(token: string): void {
    if (this.#watchers.isEmpty) return;
    const id = readToken(token)?.id;
    if (id !== undefined) this.#watchers.wake(id);
  }
}

function hasSome(items: readonly unknown[] | undefined): boolean {
  return items !== undefined && items.length > 0;
}
