import type { JobRow, StoreWait } from "../store/mod.ts";
import { MAX_AHEAD } from "../store/mod.ts";
import type { WaitingFor } from "./job.ts";
import { SCRIPTS_POOL } from "./scripts/mod.ts";

/** The state of the pool that would run a job; undefined if there is no such pool. */
export type PoolStates = (name: string) => string | undefined;

/** Returns the reason why a waiting job does not run, by its store and its pool. */
export function waitingFor(
  { queue, pool }: JobRow,
  wait: StoreWait | undefined,
  stateOf: PoolStates,
): WaitingFor | undefined {
  switch (wait?.reason) {
    case undefined:
      return undefined;
    case "time": {
      const until = new Date(wait.until).toISOString();
      return { reason: "time", until, detail: `it is due at ${until}` };
    }
    case "paused":
      return { reason: "paused", queue, detail: `the queue ${queue} is paused` };
    case "limit": {
      const { until, ...limit } = wait;
      const at = until === undefined ? {} : { until: new Date(until).toISOString() };
      return { ...limit, ...at, detail: limitText(wait, queue) };
    }
    case "position": {
      const state = stateOf(pool);
      if (state === "ready") {
        const { ahead } = wait;
        const count = ahead >= MAX_AHEAD ? `${MAX_AHEAD} or more` : String(ahead);
        const place = pool === SCRIPTS_POOL
          ? "a slot for programs"
          : `a worker of the pool ${pool}`;
        const detail = ahead === 0
          ? `it is next in line for ${place}`
          : ahead === 1
          ? "one job is ahead of it"
          : `${count} jobs are ahead of it`;
        return { reason: "position", ahead, detail };
      }
      const detail = state === undefined
        ? pool === SCRIPTS_POOL
          ? "this host runs no scripts and commands: none is configured"
          : `there is no pool ${pool}`
        : `the pool ${pool} is ${state}`;
      return { reason: "pool", pool, ...(state === undefined ? {} : { state }), detail };
    }
  }
}

function limitText(
  { limit, key }: Extract<StoreWait, { reason: "limit" }>,
  queue: string,
): string {
  switch (limit) {
    case "queue concurrency":
      return `the queue ${queue} has reached its limit of running jobs`;
    case "queue rate":
      return `the queue ${queue} has reached its rate limit`;
    case "concurrency key":
      return `the limit of running jobs with the key ${JSON.stringify(key)} is reached`;
    case "rate key":
      return `the rate limit of the key ${JSON.stringify(key)} is reached`;
  }
}
