import { Backoff } from "../../async/mod.ts";
import { Bound } from "../http/mod.ts";
import type { Job, WaitOptions } from "../shapes/mod.ts";
import { jobIn } from "./job_answers.ts";
import { isPassing, type JobRequests } from "./job_requests.ts";

/** The longest time that one request waits; proxies cut those that take longer. */
const POLL_MS = 25_000;

/** The time after which the host has answered a request that waits. */
const GRACE_MS = 10_000;

/** The least time between requests that do not wait. */
const MIN_PAUSE_MS = 250;

/** The attempts to reach the host again, one after the other; about a minute. */
export const MAX_FAILURES = 16;

/**
 * Waits for the end of a job by requests that wait, until `timeoutMs` have passed. A host that was
 * reached once may be away for about a minute.
 */
export async function waitForEnd(
  path: string,
  requests: JobRequests,
  { timeoutMs = Infinity, signal }: WaitOptions,
): Promise<Job> {
  const deadline = performance.now() + timeoutMs;
  const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
  const backoff = new Backoff({ baseMs: 100, capMs: 5_000 });
  let known = requests;
  try {
    while (true) {
      const leftMs = Math.max(0, deadline - performance.now());
      const waitMs = Math.min(leftMs, POLL_MS);
      const began = performance.now();
      try {
        const reply = await known.send({
          path,
          query: waitMs > 0 ? { wait: Math.ceil(waitMs) / 1_000 } : {},
          timeoutMs: waitMs + GRACE_MS,
          signal: bound.signal,
        });
        known = known.at(reply.host);
        const job = await jobIn(reply);
        if (job.done || deadline <= performance.now()) return job;
        backoff.reset();
        // Something on the way has answered in the place of the host, or has not passed `wait` on.
        if (performance.now() - began < waitMs / 2) {
          await bound.pause(Math.min(MIN_PAUSE_MS, deadline - performance.now()));
        }
      } catch (error) {
        bound.signal.throwIfAborted();
        // A request that waits is often cut off before its first answer.
        known = known.after(error);
        const isLast = known.host === undefined || deadline <= performance.now() ||
          backoff.failures === MAX_FAILURES;
        if (isLast || !isPassing(error)) throw error;
        await bound.pause(Math.min(backoff.failed(), deadline - performance.now()));
      }
    }
  } finally {
    bound.close();
  }
}
