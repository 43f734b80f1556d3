import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { JobStore } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import { announce } from "./sweeper.ts";

/**
 * Ends the claims of all holders but one, which must be dead, so that their jobs need not wait for
 * the ends of their leases. Never rejects: a sweep ends what is left.
 */
export async function abandonDead(
  store: Pick<JobStore, "holders" | "abandon">,
  { holder, feed }: { readonly holder: string; readonly feed: JobFeed },
): Promise<void> {
  try {
    for (const dead of await store.holders()) {
      if (dead.holder === holder) continue;
      let hasMore = true;
      while (hasMore) {
        const swept = await store.abandon(dead.holder);
        announce(swept, feed);
        ({ hasMore } = swept);
      }
    }
  } catch (error) {
    getLogger("jobs").warn("cannot take back the jobs of hosts that have died: {problem}", {
      problem: messageOf(error),
    });
  }
}
