import { createHash } from "node:crypto";
import type { JobsConfig } from "../../config/mod.ts";
import type { JsonObject, NewJob } from "../../store/mod.ts";
import type { PreparedJob } from "../runners/mod.ts";
import type { JobParent } from "../scripts/mod.ts";
import type { CheckedJob } from "./checked_job.ts";
import type { CheckedBatch } from "./job_schema.ts";

/** The queue of jobs that name none. It is always there. */
export const DEFAULT_QUEUE = "default";

/** Dependencies of {@link newJob}. */
export interface NewJobDeps {
  /** The id of a job that names none. */
  readonly id: string;
  readonly kind: string;
  readonly prepared: PreparedJob;
  readonly config: JobsConfig;
  /** The hash of the file with the items, which another file with the same items has, too. */
  readonly itemsHash?: string | undefined;
  /** The job that submits it. */
  readonly parent?: JobParent | undefined;
}

/** Returns the job as the store keeps it, with the defaults of the configuration. */
export function newJob(job: CheckedJob, { id, ...deps }: NewJobDeps): NewJob {
  const { kind, prepared, config, itemsHash, parent } = deps;
  const { name, pool, args, files } = prepared;
  const { timeoutMs, stallTimeoutMs, retry } = job;
  const { queue = DEFAULT_QUEUE, tags = [], metadata = {} } = job;
  const options: JsonObject = {
    ...prepared.options,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
    ...(retry === undefined ? {} : { retry }),
    // Part of the hashes, so that no id and no key leads to the job of another parent.
    ...(parent === undefined ? {} : { parent: { id: parent.id, depth: parent.depth } }),
  };
  return {
    id: job.id ?? id,
    kind,
    name,
    queue,
    pool,
    priority: job.priority ?? 0,
    maxAttempts: job.maxAttempts ?? config.maxAttempts,
    tags: tags.length < 2 ? tags : [...new Set(tags)],
    metadata,
    options,
    retention: job.retention === undefined
      ? config.retention
      : { ...config.retention, ...withoutUndefined(job.retention) },
    args,
    ...(files === undefined ? {} : { files: [...new Set(files.map(({ id }) => id))] }),
    ...startOf(job),
    ...(job.ttlMs === undefined ? {} : { ttlMs: job.ttlMs }),
    ...keysOf(job),
    ...(job.id === undefined
      ? {}
      : { idHash: hashOf(job, { kind, prepared, options, itemsHash }) }),
    ...(job.idempotencyKey === undefined ? {} : {
      idempotency: {
        key: job.idempotencyKey,
        hash: hashOf(job, { kind, prepared, options, itemsHash }),
        ttlMs: config.idempotencyMs,
      },
    }),
  };
}

function startOf({ runAt, delayMs }: CheckedJob): Pick<NewJob, "start"> {
  if (runAt !== undefined) return { start: { at: runAt } };
  return delayMs === undefined || delayMs === 0 ? {} : { start: { inMs: delayMs } };
}

function keysOf(
  { unique, concurrency, rateLimit }: CheckedJob,
): Pick<NewJob, "unique" | "concurrency" | "rate"> {
  return {
    ...(unique === undefined ? {} : { unique: { key: unique.key, mode: unique.mode ?? "drop" } }),
    ...(concurrency === undefined
      ? {}
      : { concurrency: { key: concurrency.key, limit: concurrency.limit ?? 1 } }),
    ...(rateLimit === undefined ? {} : { rate: rateLimit }),
  };
}

/**
 * Returns a hash that is the same for two submissions exactly if they ask for the same. Two files
 * of items with the same bytes are the same.
 */
function hashOf(
  job: CheckedJob,
  { kind, prepared, options, itemsHash }:
    & Pick<NewJobDeps, "kind" | "prepared" | "itemsHash">
    & { readonly options: JsonObject },
): string {
  const { args: _args, inputs: _inputs, runAt, ...rest } = job as CheckedBatch;
  const { name, pool } = prepared;
  const items = itemsHash === undefined ? { options } : {
    options: { ...options, file: itemsHash },
    inputsFile: itemsHash,
  };
  const asked = sorted({ ...rest, kind, name, pool, runAt, ...items });
  return createHash("sha256").update(JSON.stringify(asked)).update(prepared.args)
    .digest("base64url");
}

/** Returns a copy in which the keys of every object are in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, it]) => [key, sorted(it)]),
  );
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: NonNullable<T[K]> };
}
