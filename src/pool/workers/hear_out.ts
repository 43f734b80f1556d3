import { settlesWithin } from "../../async/mod.ts";
import type { Link } from "../../bridge/mod.ts";

/** The time between the two signs of an end: the link and the process end one after the other. */
export const END_GRACE_MS = 100;

/**
 * Waits until the stream of an ended process has ended too, or has been silent for `silenceMs`: a
 * host that was busy for a while has not read it yet. (The stream may never end if a child that the
 * worker forked holds it open.)
 *
 * @param closed Resolves when the stream has ended.
 */
export async function hearOut(
  link: Pick<Link, "closedReason" | "heard">,
  closed: Promise<void>,
  silenceMs: number,
): Promise<void> {
  for (let heard = -1; link.closedReason === undefined && link.heard !== heard;) {
    heard = link.heard;
    await settlesWithin(closed, silenceMs);
  }
}
