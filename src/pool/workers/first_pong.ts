import type { Worker } from "./worker.ts";

/**
 * Asks workers for a sign of life over their links. Resolves with the time that the first answer
 * took, in milliseconds.
 *
 * @throws The error of a worker if none answers, or the reason of `signal`.
 */
export async function firstPong(workers: readonly Worker[], signal: AbortSignal): Promise<number> {
  const enough = new AbortController();
  const bound = AbortSignal.any([signal, enough.signal]);
  try {
    return await Promise.any(workers.map((worker) => worker.link.ping(bound)));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    enough.abort();
  }
}
