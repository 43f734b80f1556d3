import type { End, EndAnswer, Ended, Hold, HoldAnswer, JobResult } from "../claim.ts";
import { claimToken, newNonce, readClaimToken } from "../claim_token.ts";
import { isFinal, type JobError, type JobExit, type JobState } from "../job_row.ts";
import type { CancelAnswer, JobStoreLimits, RetryAnswer, Swept } from "../job_store.ts";
import { afterLoss, afterOutcome, expiredError, type Transition } from "../job_transition.ts";
import { KeptOutputs } from "./kept_outputs.ts";
import type { JobTable } from "./job_table.ts";
import { attemptRow, canExpire, copyOfJson, removableAt, type StoredJob } from "./stored_job.ts";
import { addChunks, addEnd, addToLog } from "./readers/mod.ts";
import type { Submissions } from "./submission.ts";

/** Dependencies of {@link JobLife}. */
export interface JobLifeDeps {
  readonly table: JobTable;
  readonly limits: JobStoreLimits;
  /** Called with a job that has a further event, or was removed. */
  readonly wake: (job: StoredJob) => void;
}

/** The most expired jobs that are remembered for a sweep. */
const MAX_UNREPORTED = 10_000;

/** Moves jobs from one state to another. */
export class JobLife {
  readonly #deps: JobLifeDeps;
  /** Jobs that have expired since the last sweep. */
  #expired: Ended[] = [];

  constructor(deps: JobLifeDeps) {
    this.#deps = deps;
  }

  /** Starts an available job. Returns the token of the claim. */
  start(
    job: StoredJob,
    { holder, leaseUntil, now }: {
      readonly holder: string;
      readonly leaseUntil: number;
      readonly now: number;
    },
  ): string {
    this.#deps.table.change(job, now, () => {
      job.state = "running";
      job.attempt++;
      job.run++;
      job.nonce = newNonce();
      job.startedAt = now;
      job.holder = holder;
      job.leaseUntil = leaseUntil;
      job.progress = undefined;
    });
    return claimToken(job);
  }

  extend(hold: Hold, now: number): HoldAnswer {
    const job = this.#held(hold.token);
    if (job === undefined) return "lost";
    this.#note(job, hold, now);
    this.#deps.table.extend(job, now + hold.leaseMs);
    return job.cancelReason === undefined ? "held" : "cancelling";
  }

  finish(end: End, now: number): EndAnswer {
    const { outcome } = end;
    const job = this.#held(end.token);
    if (job === undefined) return this.#repeated(end);
    this.#note(job, end, now);
    const transition = afterOutcome(outcome, runningOf(job), now);
    job.lastEnd = { nonce: job.nonce, type: outcome.type };
    if (outcome.type === "completed") this.#keepResult(job, outcome.result);
    this.#endRun(job, { transition, now, exit: end.exit });
    return { answer: "done", state: job.state };
  }

  cancel(
    job: StoredJob | undefined,
    { reason, now }: { readonly reason: string; readonly now: number },
  ): CancelAnswer["answer"] {
    if (job === undefined) return "unknown";
    if (isFinal(job.state)) return "ended";
    if (job.state === "running") {
      job.cancelReason ??= reason;
      return "cancelling";
    }
    this.#end(job, now, () => {
      job.state = "cancelled";
      job.cancelReason = reason;
    });
    return "cancelled";
  }

  retry(job: StoredJob | undefined, now: number): RetryAnswer["answer"] {
    if (job === undefined) return "unknown";
    if (job.state === "running") return "running";
    if (isFinal(job.state) && this.#deps.table.queues.isDraining(job.queue)) return "draining";
    if (job.state === "available") return "retried";
    if (job.state === "completed") this.#dropOutputs(job);
    this.#deps.table.change(job, now, () => {
      if (isFinal(job.state)) {
        job.finishedAt =
          job.error =
          job.progress =
          job.cancelReason =
          job.startBy =
            undefined;
        this.#dropResult(job);
        job.resultBytes = undefined;
      }
      job.state = "available";
      job.runAt = now;
      job.maxAttempts = Math.max(job.maxAttempts, job.attempt + 1);
    });
    return "retried";
  }

  /** Makes up to `limit` jobs available whose time has come. Returns true if there are more. */
  promote(now: number, limit: number): boolean {
    const { table } = this.#deps;
    // Those first that have expired, so that they take no turn of their keys.
    for (let first = table.expiring.first; first; first = table.expiring.first) {
      if (!this.expires(first, now)) break;
    }
    const due = table.due.from(() => true, limit).filter((it) => it.runAt <= now);
    for (const job of due) table.change(job, now, () => job.state = "available");
    return due.length === limit;
  }

  /** Ends a job that should have begun by now, and returns true then. */
  expires(job: StoredJob, now: number): boolean {
    const { startBy = Infinity } = job;
    if (!canExpire(job) || startBy > now) return false;
    this.#end(job, now, () => {
      job.state = "discarded";
      job.error = expiredError(startBy);
    });
    if (this.#expired.length < MAX_UNREPORTED) this.#expired.push(endedOf(job));
    return true;
  }

  sweep(now: number, limit: number, submissions: Submissions): Swept {
    const { table } = this.#deps;
    const expired = table.expiring.from(() => true, limit).filter((it) => this.expires(it, now));
    const isDue = this.promote(now, limit);
    const lost = table.leases.from(() => true, limit).filter(({ leaseUntil = 0 }) =>
      leaseUntil <= now
    );
    const ended = [...this.#expired, ...this.#lose(lost, now)];
    this.#expired = [];
    const removed = table.ended.from(() => true, limit).filter((it) => removableAt(it) <= now);
    for (const job of removed) this.#remove(job, now);
    table.fair.forget();
    const hasFiles = table.files.sweep(now, limit);
    const hasKeys = [table.ready, submissions].map((it) => it.forget(now, limit)).includes(true);
    const isFull = [expired, lost, removed].some((it) => it.length === limit);
    const hasMore = isFull || isDue || hasFiles || hasKeys;
    const unusedBlobs = table.blobNames.takeUnused();
    return { ended, lost: lost.length, removed: removed.length, unusedBlobs, hasMore };
  }

  abandon(holder: string, now: number): Swept {
    const jobs = [...this.#deps.table.holders.get(holder) ?? []];
    const ended = this.#lose(jobs, now);
    return { ended, lost: jobs.length, removed: 0, unusedBlobs: [], hasMore: false };
  }

  /** Ends claims that are lost. Returns the jobs that have ended with them. */
  #lose(jobs: readonly StoredJob[], now: number): Ended[] {
    for (const job of jobs) this.#endRun(job, { transition: afterLoss(runningOf(job)), now });
    return jobs.filter(({ state }) => isFinal(state)).map(endedOf);
  }

  /** Returns the job of a claim that goes on. */
  #held(token: string): StoredJob | undefined {
    const claim = readClaimToken(token);
    const job = claim && this.#deps.table.get(claim.id);
    const isHeld = job?.state === "running" && job.run === claim?.run && job.nonce === claim.nonce;
    return isHeld ? job : undefined;
  }

  #keepResult(job: StoredJob, result: JobResult): void {
    if (result instanceof Uint8Array) {
      job.result = result.slice();
      return;
    }
    if ("outputs" in result) {
      job.result = result;
      return;
    }
    const { sha256, bytes } = result;
    job.result = { sha256, bytes };
    this.#deps.table.blobNames.name(sha256);
  }

  #dropResult(job: StoredJob): void {
    const { result } = job;
    job.result = undefined;
    if (result === undefined || "outputs" in result || result instanceof Uint8Array) return;
    this.#deps.table.blobNames.release(result.sha256);
  }

  #dropOutputs({ outputs }: StoredJob): void {
    outputs?.drop(this.#deps.table.blobNames);
  }

  #repeated({ token, outcome }: End): EndAnswer {
    const claim = readClaimToken(token);
    const job = claim && this.#deps.table.get(claim.id);
    const isSame = job?.lastEnd?.nonce === claim?.nonce && job?.lastEnd?.type === outcome.type;
    return isSame && job ? { answer: "done", state: job.state } : { answer: "lost" };
  }

  #note(
    job: StoredJob,
    { worker, progress, chunks = [], logs = [], ...output }: Omit<Hold, "leaseMs">,
    now: number,
  ): void {
    if (worker !== undefined) job.worker = worker;
    if (progress !== undefined) job.progress = copyOfJson(progress);
    const hasOutputs = output.outputs !== undefined || output.checkpoint !== undefined;
    if (chunks.length === 0 && logs.length === 0 && !hasOutputs) return;
    const { limits } = this.#deps;
    if (chunks.length > 0) addChunks(job, chunks, { now, limits });
    if (logs.length > 0) addToLog(job, logs, { now, maxBytes: limits.maxLogBytes });
    if (hasOutputs) {
      job.outputs ??= new KeptOutputs();
      job.outputs.add(output, this.#deps.table.blobNames);
    }
    this.#deps.wake(job);
  }

  #endRun(
    job: StoredJob,
    { transition, now, exit }: {
      readonly transition: Transition;
      readonly now: number;
      readonly exit?: JobExit | undefined;
    },
  ): void {
    const { state, attempt, runAt, recorded } = transition;
    const error = transition.error === "same" ? undefined : transition.error;
    const change = (): void => {
      if (recorded !== undefined) {
        job.attempts.push(attemptRow(job, { outcome: recorded, now, error, exit }));
      }
      job.state = state;
      job.attempt = attempt;
      job.runAt = runAt ?? job.runAt;
      job.error = transition.error === "same" ? job.error : errorOf(error);
      job.resultBytes = resultBytes(job);
      job.holder = job.worker = job.leaseUntil = undefined;
      if (state !== "cancelled") job.cancelReason = undefined;
    };
    if (isFinal(state)) this.#end(job, now, change);
    else this.#deps.table.change(job, now, change);
  }

  #end(job: StoredJob, now: number, change: () => void): void {
    this.#deps.table.change(job, now, () => {
      change();
      job.finishedAt = now;
    });
    addEnd(job, now);
    this.#deps.wake(job);
  }

  #remove(job: StoredJob, now: number): void {
    this.#deps.table.remove(job);
    this.#deps.table.files.jobRemoved(job.id, now);
    // An idempotency key may keep the job itself for longer.
    job.args = new Uint8Array();
    this.#dropResult(job);
    this.#dropOutputs(job);
    job.outputs = undefined;
    job.events = [];
    job.log = undefined;
    this.#deps.wake(job);
  }
}

function resultBytes({ result, outputs }: StoredJob): number | undefined {
  if (result === undefined || result instanceof Uint8Array) return result?.byteLength;
  return "outputs" in result ? outputs?.bytes ?? 0 : result.bytes;
}

function runningOf(job: StoredJob): Parameters<typeof afterLoss>[0] {
  const { attempt, maxAttempts, run, holder } = job;
  const isCancelling = job.cancelReason !== undefined;
  return { attempt, maxAttempts, run, isCancelling, ...(holder !== undefined && { holder }) };
}

function endedOf({ id, state }: StoredJob): { readonly id: string; readonly state: JobState } {
  return { id, state };
}

function errorOf(error: JobError | undefined): JobError | undefined {
  return error && copyOfJson(error);
}
