import {
  type Context,
  EXIT,
  type ExitStatus,
  forEachId,
  resultTarget,
  UsageError,
} from "../command/mod.ts";
import { followJob } from "./follow.ts";

/** Options of {@link waitForJobs}. */
export interface WaitFlags {
  /** The longest time to wait for all of them, in milliseconds. */
  readonly timeout?: number;
  /** True to write the lines of their logs, too. */
  readonly logs?: boolean;
  /** The path of a file for the results. */
  readonly output?: string;
}

/** Waits for the ends of jobs, one after the other, and writes their results. */
export async function waitForJobs(
  ids: readonly string[],
  { flags, context }: { readonly flags: WaitFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { client: { jobs }, io, isQuiet } = context;
  const { logs: hasLog = false } = flags;
  if (hasLog && isQuiet) throw new UsageError("--quiet: given beside --logs; allowed: one of them");
  const isOneOfSeveral = ids.length > 1;
  const until = flags.timeout === undefined ? undefined : io.now() + flags.timeout;
  await using results = await resultTarget(flags.output, context);
  let number = 0;
  const status = await forEachId(ids, context, async (id) => {
    context.signal.throwIfAborted();
    number++;
    return await followJob(id, {
      jobs,
      context,
      results,
      timeoutMs: until === undefined ? undefined : Math.max(0, until - io.now()),
      label: isOneOfSeveral ? `${number}/${ids.length} ` : "",
      hasLog,
      isOneOfSeveral,
    });
  });
  if (status === EXIT.ok) await results.keep();
  return status;
}
