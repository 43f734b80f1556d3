import type { JobsConfig } from "../../config/mod.ts";
import { isRecord } from "../../json/mod.ts";
import type { JobError, JobRow } from "../../store/mod.ts";
import type { JobRetry } from "../job.ts";
import { isCurable } from "../../curable.ts";
import { isException } from "./exception_classes.ts";

/** Options of {@link retryInMs}. */
export interface RetryDelayOptions {
  /** The pauses of a job that names none. */
  readonly retry: JobsConfig["retry"];
  /** Returns a random number in [0, 1); `Math.random` if omitted. */
  readonly random?: () => number;
}

/**
 * Returns the time after which a job that has failed is tried again; null if it is not.
 *
 * The pause after attempt `n` is `min(maxMs, minMs * factor ** (n - 1))`, shortened by a random
 * part of at most `jitter` of it. No attempt follows the last one, an error that no attempt can
 * cure, or one that the job names as final: by its code, or by the class of a Python exception.
 */
export function retryInMs(
  { attempt, maxAttempts, options }: Pick<JobRow, "attempt" | "maxAttempts" | "options">,
  error: JobError,
  { retry, random = Math.random }: RetryDelayOptions,
): number | null {
  const own = ownRetry(options.retry);
  if (attempt >= maxAttempts || !isCurable(error)) return null;
  if (own.never?.some((it) => isNamed(error, it))) return null;
  const { minMs, maxMs, factor, jitter } = { ...retry, ...own };
  // Beyond the largest number there is Infinity, which maxMs bounds; 0 times that is no number.
  const pauseMs = minMs === 0 ? 0 : Math.min(maxMs, minMs * factor ** (attempt - 1));
  return Math.round(pauseMs * (1 - jitter * random()));
}

/** Returns the retry policy that a job was submitted with, as far as it names one. */
function ownRetry(retry: unknown): JobRetry {
  if (!isRecord(retry)) return {};
  return Object.fromEntries(Object.entries(retry).filter(([, it]) => it !== undefined));
}

function isNamed({ code, details }: JobError, name: string): boolean {
  if (code === name) return true;
  const python = details?.python;
  return code === "python_exception" && isRecord(python) && typeof python.type === "string" &&
    isException(python.type, name);
}
