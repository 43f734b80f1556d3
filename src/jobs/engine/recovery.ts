import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { JobStore } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import { announce } from "./sweeper.ts";

/** Returns the holders of running jobs, except one. Never rejects: a failure returns none. */
export async function otherHolders(
  store: Pick<JobStore, "holders">,
  own: string,
): Promise<readonly string[]> {
  try {
    const holders = await store.holders();
    return holders.map(({ holder }) => holder).filter((it) => it !== own);
  } catch (error) {
    warn(error);
    return [];
  }
}

/**
 * Ends the claims of holders that are dead, so that their jobs need not wait for the ends of their
 * leases. Never rejects: a sweep ends what is left.
 */
export async function abandonDead(
  holders: readonly string[],
  { store, feed }: { readonly store: Pick<JobStore, "abandon">; readonly feed: JobFeed },
): Promise<void> {
  try {
    for (const holder of holders) {
      let hasMore = true;
      while (hasMore) {
        const swept = await store.abandon(holder);
        announce(swept, feed);
        ({ hasMore } = swept);
      }
    }
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  getLogger("jobs").warn("cannot take back the jobs of hosts that have died: {problem}", {
    problem: messageOf(error),
  });
}
