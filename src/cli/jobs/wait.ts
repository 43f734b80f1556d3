import { type Context, type ExitStatus, forEachId } from "../command/mod.ts";
import { followJob } from "./follow.ts";

/** Options of {@link waitForJobs}. */
export interface WaitFlags {
  /** The longest time to wait for all of them, in milliseconds. */
  readonly timeout?: number;
}

/** Waits for the ends of jobs, one after the other, and writes their results. */
export async function waitForJobs(
  ids: readonly string[],
  { flags, context }: { readonly flags: WaitFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { client: { jobs }, io } = context;
  const isOneOfSeveral = ids.length > 1;
  const until = flags.timeout === undefined ? undefined : io.now() + flags.timeout;
  let number = 0;
  return await forEachId(ids, context, async (id) => {
    context.signal.throwIfAborted();
    number++;
    return await followJob(id, {
      jobs,
      context,
      timeoutMs: until === undefined ? undefined : Math.max(0, until - io.now()),
      label: isOneOfSeveral ? `${number}/${ids.length} ` : "",
      isOneOfSeveral,
    });
  });
}
