import type {
  EndAnswer,
  HoldAnswer,
  NewJob,
  Outcome,
  SubmitAnswer,
} from "../../../../src/store/mod.ts";
import { LIMITS } from "../job_kit.ts";
import { ModelShares } from "./model_shares.ts";
import type { ModelJob, ModelKey, ModelQueue } from "./model_job.ts";
import { isEnded, modelJob, retentionOf } from "./model_job.ts";

/**
 * A store of jobs in the plainest way: a list of all jobs, and loops over it. What a claim takes is
 * not predicted but judged, by {@link checkClaim}.
 */
export class JobModel {
  now: number;
  jobs: ModelJob[] = [];
  readonly queues = new Map<string, ModelQueue>();
  readonly #keys = new Map<string, ModelKey>();
  readonly #shares = new ModelShares(this);
  readonly #limits = new Map<string, ModelLimit>();
  #lastSeq = 0;

  constructor(now: number) {
    this.now = now;
  }

  get(id: string): ModelJob | undefined {
    return this.jobs.find((it) => it.id === id);
  }

  running(): ModelJob[] {
    return this.jobs.filter(({ state }) => state === "running");
  }

  /** Returns the limit that holds for a job by its concurrency key, or its rate key. */
  limitOf(job: ModelJob, kind: "concurrency" | "rate"): ModelLimit | undefined {
    const name = limitName(job, kind);
    return name === undefined ? undefined : this.#limits.get(name);
  }

  submit(job: NewJob): Pick<SubmitAnswer, "answer" | "id"> {
    const { idempotency, unique, idHash } = job;
    const owner = idHash === undefined ? undefined : this.get(job.id);
    if (owner !== undefined) {
      return { answer: owner.given.idHash === idHash ? "existing" : "conflict", id: job.id };
    }
    const known = idempotency && this.#keys.get(idempotency.key);
    if (known && known.freeAt > this.now) {
      return { answer: known.hash === idempotency.hash ? "existing" : "conflict", id: known.id };
    }
    const other = unique && this.jobs.find((it) => it.held === unique.key);
    const { id } = other ?? job;
    if (idempotency) {
      const { key, hash, ttlMs } = idempotency;
      this.#keys.set(key, { hash, id, freeAt: this.now + ttlMs });
    }
    if (other === undefined) {
      const made = modelJob(job, ++this.#lastSeq, this.now);
      this.jobs.push(made);
      if (made.state === "available") this.#shares.give(made);
      this.#bringLimits(made, () => true);
      return { answer: "created", id };
    }
    if (unique?.mode === "drop" || other.state === "running") return { answer: "dropped", id };
    const next = modelJob(job, other.seq, this.now);
    const { kind, name, pool, tags, metadata, options, given } = next;
    if (pool !== other.pool) this.#shares.take(other);
    Object.assign(other, { kind, name, pool, tags, metadata, options });
    other.maxAttempts = Math.max(next.maxAttempts, other.attempt + 1);
    other.given = { ...other.given, unique, retention: given.retention, args: given.args };
    if (unique?.mode === "debounce") Object.assign(other, { state: next.state, runAt: next.runAt });
    if (other.state === "available") this.#shares.give(other);
    return { answer: "replaced", id };
  }

  /** Notes a claim, which {@link checkClaim} has found to be right. */
  start(
    id: string,
    { token, holder, leaseMs }: {
      readonly token: string;
      readonly holder: string;
      readonly leaseMs: number;
    },
  ): void {
    const job = this.get(id);
    if (job === undefined) return;
    this.#shares.started(job);
    job.state = "running";
    job.attempt++;
    job.run++;
    job.startedAt = this.now;
    job.holder = holder;
    job.leaseUntil = this.now + leaseMs;
    job.progress = undefined;
    job.token = token;
    if (job.given.unique?.mode !== "drop") job.held = undefined;
  }

  extend(
    token: string,
    news: {
      readonly leaseMs: number;
      readonly worker?: string;
      readonly progress?: unknown;
      readonly chunks?: readonly Uint8Array[];
    },
  ): HoldAnswer {
    const job = this.running().find((it) => it.token === token);
    if (job === undefined) return "lost";
    job.leaseUntil = this.now + news.leaseMs;
    if (news.worker !== undefined) job.worker = news.worker;
    if (news.progress !== undefined) job.progress = news.progress;
    for (const body of news.chunks ?? []) job.events.push({ kind: "chunk", body: [...body] });
    const chunks = job.events.filter(({ kind }) => kind === "chunk");
    let bytes = chunks.reduce((sum, { body = [] }) => sum + body.length, 0);
    while (chunks.length > LIMITS.maxChunks || bytes > LIMITS.maxChunkBytes) {
      const first = chunks.shift();
      bytes -= first?.body?.length ?? 0;
      job.events = job.events.filter((it) => it !== first);
    }
    return job.cancelReason === undefined ? "held" : "cancelling";
  }

  finish(token: string, outcome: Outcome): EndAnswer {
    const job = this.running().find((it) => it.token === token);
    if (job === undefined) {
      const ended = this.jobs.find((it) => it.lastEnd === `${token} ${outcome.type}`);
      return ended ? { answer: "done", state: ended.state } : { answer: "lost" };
    }
    job.lastEnd = `${token} ${outcome.type}`;
    const isCancelling = job.cancelReason !== undefined;
    if (outcome.type === "completed") {
      const { result } = outcome;
      if ("outputs" in result) throw new TypeError("the model has no outputs");
      job.resultBytes = result instanceof Uint8Array ? result.byteLength : result.bytes;
      job.blob = result instanceof Uint8Array ? undefined : result.sha256;
      this.#leave(job, "completed", outcome.type);
      job.error = undefined;
    } else if (outcome.type === "cancelled") {
      this.#leave(job, "cancelled", outcome.type);
      job.error = outcome.error;
    } else if (outcome.type === "failed") {
      const next = outcome.retryInMs === null ? "discarded" : "retryable";
      this.#leave(job, isCancelling ? "cancelled" : next, outcome.type);
      job.error = outcome.error;
      if (job.state === "retryable") job.runAt = this.now + (outcome.retryInMs ?? 0);
    } else {
      const next = isCancelling ? "cancelled" : "available";
      this.#leave(job, next, outcome.hasBegun ? outcome.type : undefined);
      job.attempt--;
    }
    return { answer: "done", state: job.state };
  }

  /** Ends the claim of a job whose lease or holder has ended. */
  lose(job: ModelJob): void {
    const next = job.attempt < job.maxAttempts ? "available" : "discarded";
    this.#leave(job, job.cancelReason === undefined ? next : "cancelled", "lost");
    job.error = { code: "host_lost" };
  }

  cancel(id: string, reason: string): string {
    const job = this.get(id);
    if (job === undefined) return "unknown";
    if (isEnded(job)) return "ended";
    job.cancelReason ??= reason;
    if (job.state === "running") return "cancelling";
    this.#end(job, "cancelled");
    return "cancelled";
  }

  retry(id: string): string {
    const job = this.get(id);
    if (job === undefined) return "unknown";
    if (job.state === "running") return "running";
    if (job.state === "available") return "retried";
    if (this.isShut(job)) return "draining";
    if (isEnded(job)) {
      const open = this.jobs.filter((it) => !isEnded(it));
      this.#bringLimits(
        job,
        (kind) => open.every((it) => limitName(it, kind) !== limitName(job, kind)),
      );
      job.finishedAt =
        job.error =
        job.cancelReason =
        job.progress =
          undefined;
      job.startBy = job.resultBytes = job.blob = undefined;
    }
    this.makeAvailable(job);
    job.runAt = this.now;
    job.maxAttempts = Math.max(job.maxAttempts, job.attempt + 1);
    return "retried";
  }

  /** Returns true if a submission is refused, because its queue drains. */
  isRefused(job: NewJob): boolean {
    if (!this.queues.get(job.queue)?.draining) return false;
    const known = job.idempotency && this.#keys.get(job.idempotency.key);
    if (known && known.freeAt > this.now) return false;
    if (job.idHash !== undefined && this.jobs.some(({ id }) => id === job.id)) return false;
    const other = job.unique && this.jobs.find((it) => it.held === job.unique?.key);
    return !(other && (job.unique?.mode === "drop" || other.state === "running"));
  }

  /** Returns true for an ended job whose queue drains. */
  isShut(job: ModelJob): boolean {
    return isEnded(job) && this.queues.get(job.queue)?.draining === true;
  }

  /** Makes a waiting job available. */
  makeAvailable(job: ModelJob): void {
    job.state = "available";
    this.#shares.give(job);
  }

  /** Ends the jobs that have expired, and makes those available whose time has come. */
  promote(): void {
    for (const job of this.jobs) {
      if (job.state !== "scheduled" && job.state !== "retryable") continue;
      if (this.isExpired(job)) this.#shares.take(job);
    }
    const isDue = ({ state, runAt }: ModelJob): boolean =>
      (state === "scheduled" || state === "retryable") && runAt <= this.now;
    const due = this.jobs.filter((it) => isDue(it) && !this.isExpired(it));
    for (const job of due.sort((a, b) => a.runAt - b.runAt || a.seq - b.seq)) {
      this.#shares.give(job);
    }
  }

  expire(job: ModelJob): void {
    this.#end(job, "discarded");
    job.error = { code: "job_expired" };
  }

  /** Returns true if a job should have begun by now. */
  isExpired({ state, startBy = Infinity, attempts }: ModelJob): boolean {
    const waits = state === "available" || state === "scheduled" || state === "retryable";
    return waits && attempts.length === 0 && startBy <= this.now;
  }

  sweep(): void {
    for (const job of this.jobs) {
      if (this.isExpired(job)) this.expire(job);
      else if (job.state === "running" && (job.leaseUntil ?? 0) <= this.now) this.lose(job);
    }
    this.promote();
    for (const job of this.jobs) {
      const waits = job.state === "scheduled" || job.state === "retryable";
      if (waits && job.runAt <= this.now) job.state = "available";
    }
    this.jobs = this.jobs.filter((job) =>
      !isEnded(job) || (job.finishedAt ?? 0) + retentionOf(job) > this.now
    );
  }

  /** Lets the limits that a job names hold for its keys. */
  #bringLimits(job: ModelJob, brings: (kind: "concurrency" | "rate") => boolean): void {
    for (const kind of ["concurrency", "rate"] as const) {
      const [name, limit] = [limitName(job, kind), job.given[kind]];
      if (name !== undefined && limit !== undefined && brings(kind)) this.#limits.set(name, limit);
    }
  }

  /** Lets a running job go to another state. */
  #leave(job: ModelJob, state: ModelJob["state"], outcome: string | undefined): void {
    if (outcome !== undefined) job.attempts.push(`${job.run}/${job.attempt} ${outcome}`);
    job.holder = job.worker = job.leaseUntil = undefined;
    if (state !== "cancelled") job.cancelReason = undefined;
    if (state === "completed" || state === "cancelled" || state === "discarded") {
      this.#end(job, state);
    } else job.state = state;
  }

  #end(job: ModelJob, state: ModelJob["state"]): void {
    job.state = state;
    job.finishedAt = this.now;
    job.held = undefined;
    this.#shares.take(job);
    job.events.push({ kind: "end", state });
  }
}

/** The limit of a key: of jobs that run, or that start in a period. */
interface ModelLimit {
  readonly limit: number;
  readonly periodMs?: number;
}

/** Returns the name under which the model knows the key of a job. */
function limitName({ queue, given }: ModelJob, kind: "concurrency" | "rate"): string | undefined {
  const { key } = given[kind] ?? {};
  return key === undefined ? undefined : `${kind} ${queue} ${key}`;
}
