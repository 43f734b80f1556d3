import { DeadlineExceededError, SnakedenError } from "../../../errors.ts";
import type { Sign } from "./stall_watch.ts";

/** The time after the deadline in which the worker's own report of it may arrive. */
export const DEADLINE_GRACE_MS = 100;

/** The signs of a running tool, as an error names them. */
const SIGNS: Readonly<Record<Sign, string>> = {
  start: "it began",
  chunk: "its last chunk",
  progress: "its last report of progress",
  ask: "its last request to the host",
  read: "its reader went on reading",
};

/** A call that ran out of time. */
export interface LateCall {
  readonly tool: string;
  readonly timeoutMs: number;
}

/** Returns the error of a call whose deadline passed in the queue. */
export function expiredInQueue(
  { tool, timeoutMs, boundTo, obstacle }: LateCall & {
    /** The text for the one worker that it waits for, if there is only one. */
    readonly boundTo: string | undefined;
    /** The reason why the pool sends no calls, if it sends none. */
    readonly obstacle: string | undefined;
  },
): SnakedenError {
  const who = boundTo === undefined ? "no worker was" : `${boundTo} was not`;
  const why = obstacle === undefined ? "" : `: ${obstacle}`;
  return new DeadlineExceededError(
    `Cannot run ${tool}: ${who} free within its deadline of ${timeoutMs} ms${why}`,
    "queue",
    { timeoutMs },
  );
}

/** Returns the error of a call whose deadline passed, and whose worker has not reported it. */
export function overran(
  { tool, timeoutMs, workerId, hasBegun }: LateCall & {
    readonly workerId: string | undefined;
    readonly hasBegun: boolean;
  },
): SnakedenError {
  if (hasBegun) {
    return new DeadlineExceededError(
      `Cannot finish ${tool}: its deadline of ${timeoutMs} ms passed and it did not stop`,
      "tool",
      { timeoutMs, workerId },
    );
  }
  return new DeadlineExceededError(
    `Cannot run ${tool}: its deadline of ${timeoutMs} ms passed while it waited in ` +
      `${workerId} behind a call that did not end`,
    "queue",
    { timeoutMs, workerId },
  );
}

/** Returns the error of a call whose tool has shown nothing for too long. */
export function stalled(
  { tool, stallTimeoutMs, workerId, lastSign, ...rest }: {
    readonly tool: string;
    readonly stallTimeoutMs: number | undefined;
    readonly workerId: string | undefined;
    readonly lastSign: Sign;
    readonly silentMs: number;
  },
): SnakedenError {
  const silentMs = Math.round(rest.silentMs);
  const since = SIGNS[lastSign];
  return new SnakedenError(
    "stalled",
    `Cannot finish ${tool}: it has shown nothing for ${silentMs} ms since ${since}; allowed: ` +
      `${stallTimeoutMs} ms without a chunk, progress or a request to the host (stallTimeoutMs)`,
    { details: { stallTimeoutMs, workerId, lastSign, silentMs } },
  );
}
