import type { JobRow, StoreWait } from "../store/mod.ts";
import { MAX_AHEAD } from "../store/mod.ts";
import type { WaitingFor } from "./job.ts";

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
      return { reason: "time", until, detail: `its time is ${until}` };
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
        const detail = ahead === 0
          ? `it is the next one for a worker of the pool ${pool}`
          : ahead === 1
          ? "one job goes before it"
          : `${count} jobs go before it`;
        return { reason: "position", ahead, detail };
      }
      const detail = state === undefined
        ? `there is no pool ${pool}`
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
      return `the queue ${queue} runs as many jobs as it may`;
    case "queue rate":
      return `the queue ${queue} has started as many jobs as it may for now`;
    case "concurrency key":
      return `as many jobs of the key ${JSON.stringify(key)} run as may`;
    case "rate key":
      return `as many jobs of the key ${JSON.stringify(key)} have started as may for now`;
  }
}
