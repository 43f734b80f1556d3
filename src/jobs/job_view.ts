import { type AttemptRow, isFinal, type JobRecord, type JobRow } from "../store/mod.ts";
import type { Job, JobAttempt, WaitingFor } from "./job.ts";
import { parentOf, SCRIPTS_POOL } from "./scripts/mod.ts";

/** The facts about a job that its row does not have. */
export interface ViewFacts {
  /** The fields that only jobs of its kind have. */
  readonly own: Partial<Job>;
  /** The progress and the worker of a job that this host runs. */
  readonly live?: { readonly worker?: string; readonly progress?: unknown } | undefined;
  readonly waitingFor?: WaitingFor | undefined;
  /** The result, decoded, if it is short. */
  readonly result?: { readonly value: unknown } | undefined;
}

/** Returns a job as it is shown outside. */
export function jobOf(row: JobRow | JobRecord, facts: ViewFacts): Job {
  const { id, kind, queue, state, priority, pool, tags, metadata, attempt, maxAttempts } = row;
  const { own, live, waitingFor, result } = facts;
  const progress = live?.progress ?? row.progress;
  const worker = live?.worker ?? row.worker;
  const parentId = parentOf(row.options);
  const isLate = state === "scheduled" || state === "retryable";
  return {
    id,
    kind,
    queue,
    state,
    done: isFinal(state),
    priority,
    ...own,
    ...(parentId === undefined ? {} : { parentId }),
    ...(pool === SCRIPTS_POOL ? {} : { pool }),
    tags,
    metadata,
    attempt,
    maxAttempts,
    createdAt: timeText(row.createdAt),
    ...(isLate ? { runAt: timeText(row.runAt) } : {}),
    ...optionalTime("startedAt", row.startedAt),
    ...optionalTime("finishedAt", row.finishedAt),
    ...(isFinal(state) ? {} : optionalTime("startBy", row.startBy)),
    ...(state === "running" && worker !== undefined ? { worker } : {}),
    ...(progress === undefined ? {} : { progress }),
    ...(waitingFor === undefined ? {} : { waitingFor }),
    ...(state === "running" && row.cancelReason !== undefined ? { cancelling: true } : {}),
    ...(row.cancelReason === undefined || row.cancelReason === ""
      ? {}
      : { cancelReason: row.cancelReason }),
    ...(state === "completed" ? resultOf(row, result) : {}),
    ...(row.error === undefined ? {} : { error: row.error }),
    ...("attempts" in row ? { attempts: row.attempts.map(attemptOf) } : {}),
  };
}

function resultOf(
  { id, resultBytes }: JobRow,
  result: { readonly value: unknown } | undefined,
): Partial<Job> {
  return {
    ...(resultBytes === undefined ? {} : { resultBytes }),
    ...(result === undefined
      ? { resultUrl: `/v1/jobs/${encodeURIComponent(id)}/result` }
      : { result: result.value }),
  };
}

function attemptOf({ attempt, outcome, startedAt, finishedAt, ...row }: AttemptRow): JobAttempt {
  const { worker, error, exit } = row;
  return {
    attempt,
    outcome,
    startedAt: timeText(startedAt),
    finishedAt: timeText(finishedAt),
    durationMs: finishedAt - startedAt,
    ...(worker === undefined ? {} : { worker }),
    ...(error === undefined ? {} : { error }),
    ...(exit === undefined ? {} : { exit }),
  };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function optionalTime<K extends "startedAt" | "finishedAt" | "startBy">(
  key: K,
  ms: number | undefined,
): Partial<Record<K, string>> {
  return (ms === undefined ? {} : { [key]: timeText(ms) }) as Partial<Record<K, string>>;
}
