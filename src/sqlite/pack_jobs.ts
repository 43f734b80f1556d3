import { packBytes, packOutputs } from "./messages/mod.ts";
import type {
  AttemptRow,
  BlobRef,
  End,
  Hold,
  JobError,
  JobResult,
  JobRow,
  JsonObject,
  NewJob,
  Outcome,
  SubmitAnswer,
} from "../store/mod.ts";
import { firstStart, type RunLines, unknownFileOfJob } from "../store/mod.ts";
import type {
  Cell,
  PackedClaims,
  PackedHolds,
  PackedJobs,
  PackedLines,
  SubmitAnswers,
} from "./messages/mod.ts";
import { cellAt, JOB_CELLS, jobRowOf } from "./schema/mod.ts";
import type { Claim } from "../store/mod.ts";
import type { JobSettings } from "./writer/mod.ts";

/** Steps of the clock by less than that move no job. */
const LEAST_SKEW_MS = 1_000;

/**
 * Returns jobs whose times of start are those of the store, which is ahead of the clock of this
 * host by `skewMs`. So none starts a day early because the clock was a day ahead at one time.
 */
export function inStoreTime(jobs: readonly NewJob[], skewMs: number): readonly NewJob[] {
  if (Math.abs(skewMs) < LEAST_SKEW_MS) return jobs;
  return jobs.map((it) => {
    const { start } = it;
    return start !== undefined && "at" in start ? { ...it, start: { at: start.at + skewMs } } : it;
  });
}

/** Returns jobs in the form in which they are sent: flat, since objects are slow to send. */
export function packJobs(
  jobs: readonly NewJob[],
  args: readonly Uint8Array[] = jobs.map((it) => it.args),
): PackedJobs {
  const cells: Cell[] = [];
  const settings = settingsText();
  let files: [number, readonly string[]][] | undefined;
  for (const [i, it] of jobs.entries()) {
    const { start, idempotency, unique } = it;
    if (it.files !== undefined && it.files.length > 0) (files ??= []).push([i, it.files]);
    cells.push(
      it.id,
      it.kind,
      it.name,
      it.queue,
      it.pool,
      it.priority,
      it.maxAttempts,
      start !== undefined && "at" in start ? start.at : null,
      start !== undefined && "inMs" in start ? start.inMs : null,
      it.ttlMs ?? null,
      settings(it),
      idempotency?.key ?? null,
      idempotency?.hash ?? it.idHash ?? null,
      idempotency?.ttlMs ?? null,
      unique?.key ?? null,
      unique?.mode ?? null,
      it.concurrency?.key ?? null,
      it.rate?.key ?? null,
      it.tags.length === 0 ? null : JSON.stringify(it.tags),
      objectText(it.metadata),
      objectText(it.options),
    );
  }
  const packed = { cells, bytes: packBytes(args) };
  return files === undefined ? packed : { ...packed, files };
}

/** Returns a function for the settings of jobs. Most jobs of a submission have the same ones. */
function settingsText(): (job: NewJob) => string {
  let last: NewJob | undefined;
  let text = "";
  return (job) => {
    const { retention, concurrency, rate, idHash } = job;
    const isSame = last !== undefined && last.retention === retention &&
      last.concurrency === concurrency && last.rate === rate && last.idHash === idHash;
    if (isSame) return text;
    last = job;
    const settings: JobSettings = {
      retention: [retention.completedMs, retention.cancelledMs, retention.discardedMs],
      ...(concurrency !== undefined && { concurrency: concurrency.limit }),
      ...(rate !== undefined && { rate: [rate.limit, rate.periodMs] }),
      ...(idHash !== undefined && { idHash }),
    };
    text = JSON.stringify(settings);
    return text;
  };
}

function objectText(object: object): string | null {
  for (const _ in object) return JSON.stringify(object);
  return null;
}

/**
 * Returns the answers to a submission, of which only the unusual ones are sent.
 *
 * @throws {SnakedenError} `unknown_file` if it was refused for that.
 */
export function submitAnswers(
  jobs: readonly NewJob[],
  { createdAt, others, unknown }: SubmitAnswers,
): SubmitAnswer[] {
  if (unknown !== undefined) throw unknownFileOfJob(unknown.job, unknown.file, unknown.id);
  const answers = jobs.map((job): SubmitAnswer => {
    const { state, runAt } = firstStart(job, createdAt);
    return { answer: "created", id: job.id, state, createdAt, runAt };
  });
  for (const [i, answer] of others) answers[i] = answer;
  return answers;
}

const SEQ = cellAt("seq");
const ID = cellAt("id");
const RUN = cellAt("run");
const ARGS = JOB_CELLS.length;

/** Returns the claims of a message. */
export function unpackClaims(claims: PackedClaims): Claim[] {
  const { rows, nonces } = claims;
  return rows.map((row, i) => {
    const args = row[ARGS];
    return {
      token: `${row[ID]}.${row[SEQ]}.${row[RUN]}.${nonces[i]}`,
      job: jobRowOf(row, claims),
      args: args instanceof Uint8Array ? args as Uint8Array<ArrayBuffer> : new Uint8Array(),
      ...checkpointAt(claims, i),
    };
  });
}

function checkpointAt({ checkpoints }: PackedClaims, i: number): Pick<Claim, "checkpoint"> {
  const text = checkpoints?.get(i);
  return text === undefined ? {} : { checkpoint: JSON.parse(text) as JsonObject };
}

/** A token, in its parts. */
export interface Token {
  readonly seq: number;
  readonly run: number;
  readonly nonce: string;
  readonly id: string;
}

const TOKEN = /^(.+)\.([1-9]\d{0,14})\.([1-9]\d{0,14})\.([0-9a-z]{14})$/;

/** Returns the parts of a token; undefined for a text that is none. */
export function readToken(token: string): Token | undefined {
  const [, id = "", seq, run, nonce = ""] = TOKEN.exec(token) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), run: Number(run), nonce, id };
}

/** Returns extensions in the form in which they are sent. */
export function packHolds(holds: readonly Hold[]): PackedHolds {
  return pack(holds.map((it) => ({ ...it, chunks: it.chunks ?? [] })));
}

/** Returns ends in the form in which they are sent. */
export function packEnds(ends: readonly End[]): PackedHolds {
  return pack(ends.map((it) => {
    const { outcome, chunks = [] } = it;
    const hasBytes = outcome.type === "completed" && outcome.result instanceof Uint8Array;
    return { ...it, chunks: hasBytes ? [...chunks, outcome.result] : chunks };
  }));
}

/** A hold or an end. */
interface Item extends Pick<Hold, "outputs" | "checkpoint"> {
  readonly token: string;
  readonly leaseMs?: number;
  readonly worker?: string;
  readonly progress?: unknown;
  readonly chunks: readonly Uint8Array[];
  readonly logs?: readonly RunLines[];
  readonly outcome?: Outcome;
  readonly exit?: object;
}

function pack(items: readonly Item[]): PackedHolds {
  const cells: Cell[] = [];
  const parts: Uint8Array[] = [];
  for (const it of items) {
    const token = readToken(it.token);
    const { outcome } = it;
    cells.push(
      token?.seq ?? 0,
      token?.run ?? 0,
      token?.nonce ?? "",
      token?.id ?? "",
      it.leaseMs ?? 0,
      it.worker ?? null,
      it.progress === undefined ? null : JSON.stringify(it.progress),
      it.chunks.length,
      outcome?.type ?? null,
      errorText(outcome),
      detailOf(outcome),
      it.exit === undefined ? null : JSON.stringify(it.exit),
    );
    parts.push(...it.chunks);
  }
  const logs = packLines(items);
  const outputs = packOutputs(items);
  return {
    cells,
    bytes: packBytes(parts),
    ...(logs !== undefined && { logs }),
    ...(outputs !== undefined && { outputs }),
  };
}

/** Most items have no lines: then nothing is sent. */
function packLines(items: readonly Item[]): PackedLines | undefined {
  const cells: number[] = [];
  const parts: Uint8Array[] = [];
  for (let i = 0; i < items.length; i++) {
    const logs = items[i]?.logs;
    if (logs === undefined) continue;
    for (const { first, lines, leftOut = 0, body } of logs) {
      cells.push(i, first, lines, leftOut);
      parts.push(body);
    }
  }
  return cells.length === 0 ? undefined : { cells, bytes: packBytes(parts) };
}

function errorText(outcome: Outcome | undefined): string | null {
  if (outcome?.type === "completed") return blobOf(outcome.result)?.sha256 ?? null;
  const error: JobError | undefined = outcome !== undefined && "error" in outcome
    ? outcome.error
    : undefined;
  return error === undefined ? null : JSON.stringify(error);
}

function blobOf(result: JobResult): BlobRef | undefined {
  return result instanceof Uint8Array || "outputs" in result ? undefined : result;
}

function detailOf(outcome: Outcome | undefined): number | null {
  if (outcome?.type === "completed") return blobOf(outcome.result)?.bytes ?? null;
  if (outcome?.type === "failed") return outcome.retryInMs;
  if (outcome?.type !== "returned") return null;
  if ("inMs" in outcome) return outcome.inMs;
  return outcome.hasBegun ? 1 : 0;
}

/** Returns the row of a job that was read, with its claim if it runs. */
export function readRow(cells: readonly Cell[]): JobRow {
  const [holder, leaseUntil, startedAt, worker] = cells.slice(JOB_CELLS.length);
  if (typeof holder !== "string") return jobRowOf(cells);
  return jobRowOf(cells, {
    holder,
    leaseUntil: Number(leaseUntil),
    startedAt: Number(startedAt),
    worker: typeof worker === "string" ? worker : null,
  });
}

/** Returns a past attempt that was read. */
export function attemptOf(cells: readonly Cell[]): AttemptRow {
  const [run, attempt, outcome, startedAt, finishedAt, holder, worker, error, exit] = cells;
  return {
    run: Number(run),
    attempt: Number(attempt),
    outcome: outcome as AttemptRow["outcome"],
    startedAt: Number(startedAt),
    finishedAt: Number(finishedAt),
    holder: String(holder),
    ...(typeof worker === "string" && { worker }),
    ...(typeof error === "string" && { error: JSON.parse(error) }),
    ...(typeof exit === "string" && { exit: JSON.parse(exit) }),
  };
}
