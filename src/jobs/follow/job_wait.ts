import { type Clock, Condition } from "../../async/mod.ts";
import { shownValue } from "../../config/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import type { Job, WaitOptions } from "../job.ts";
import type { JobFeed } from "../job_feed.ts";

/** The interval at which a job is looked up that nobody here reports on, such as another host's. */
const LOOK_MS = 5_000;

/** Options of {@link waitForEnd}. */
export interface EndOptions extends WaitOptions {
  readonly get: () => Promise<Job>;
  readonly feed: JobFeed;
  readonly clock: Clock;
}

/**
 * Resolves with a job when it has ended, or after `timeoutMs` as it is then.
 *
 * @throws The reason of `signal`, `invalid_input` for a wrong `timeoutMs`, `shutting_down` if the
 * host stops, and what `get` throws.
 */
export async function waitForEnd(
  id: string,
  { get, feed, clock, timeoutMs = Infinity, signal }: EndOptions,
): Promise<Job> {
  signal?.throwIfAborted();
  if (!(timeoutMs >= 0)) throw wrongTimeout(timeoutMs);
  const deadline = clock.now() + timeoutMs;
  const rung = new Condition();
  let hasNews = false;
  const ring = (): void => {
    hasNews = true;
    rung.notify();
  };
  const leave = feed.on(id, (news) => news.type !== "progress" && ring());
  try {
    while (true) {
      hasNews = false;
      const job = await get();
      const leftMs = deadline - clock.now();
      if (job.done || leftMs <= 0) return job;
      if (feed.isClosed) throw stopping(id);
      const cancel = clock.after(Math.min(leftMs, LOOK_MS), ring);
      try {
        await rung.until(() => hasNews, signal);
      } finally {
        cancel();
      }
    }
  } finally {
    leave();
  }
}

function wrongTimeout(timeoutMs: number): InvalidInputError {
  const message = `given ${shownValue(timeoutMs)}; allowed: a number of milliseconds from 0 on`;
  return new InvalidInputError(`Cannot wait for the job: timeoutMs: ${message}`, [
    { path: "timeoutMs", message },
  ]);
}

function stopping(id: string): SnakedenError {
  return new SnakedenError(
    "shutting_down",
    `Cannot wait for the job ${id}: the host is stopping; the job stays in the store`,
    { retryable: true, details: { jobId: id } },
  );
}
