import type { Job, JobChoice, JobState } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  forEachId,
  UsageError,
  writeDocument,
} from "../command/mod.ts";
import { writeJobs } from "./job_rows.ts";

/** A change of jobs: what it does, the states in which it has an effect, and the others. */
interface Change {
  readonly verb: "cancel" | "retry";
  readonly past: string;
  readonly states: readonly JobState[];
  readonly others: readonly JobState[];
}

const CHANGES = {
  cancel: {
    verb: "cancel",
    past: "cancelled",
    states: ["available", "scheduled", "running", "retryable"],
    others: ["completed", "cancelled", "discarded"],
  },
  retry: {
    verb: "retry",
    past: "retried",
    states: ["scheduled", "retryable", "completed", "cancelled", "discarded"],
    others: ["available", "running"],
  },
} as const satisfies Record<string, Change>;

/** Jobs are counted up to that number before they are changed. */
const MAX_COUNTED = 10_000;
const PAGE = 1_000;

/** Options of {@link changeJobs}. */
export interface ChangeFlags {
  readonly yes?: boolean;
  readonly reason?: string;
}

/** The jobs of a command: ids, or a filter. */
export interface ChangeTarget {
  readonly ids: readonly string[];
  readonly choice: JobChoice | undefined;
}

/** Cancels or retries jobs. Those that match a filter are counted and confirmed first. */
export async function changeJobs(
  verb: keyof typeof CHANGES,
  { ids, choice }: ChangeTarget,
  { flags, context }: { readonly flags: ChangeFlags; readonly context: Context },
): Promise<ExitStatus> {
  if (ids.length > 0 && choice !== undefined) {
    throw new UsageError(`Cannot ${verb} jobs: given ids and filters; allowed: one of the two`);
  }
  if (choice !== undefined) return await changeChosen(CHANGES[verb], choice, { flags, context });
  if (ids.length === 0) {
    throw new UsageError(
      `Cannot ${verb} jobs: none is named; allowed: ids, or filters such as --state or --tag`,
    );
  }
  const { client: { jobs } } = context;
  const changed: Job[] = [];
  try {
    return await forEachId(ids, context, async (id) => {
      const reason = flags.reason === undefined ? {} : { reason: flags.reason };
      changed.push(await (verb === "cancel" ? jobs.cancel(id, reason) : jobs.retry(id)));
      return EXIT.ok;
    });
  } finally {
    await writeJobs(changed, context);
  }
}

async function changeChosen(
  { verb, past, states, others }: Change,
  choice: JobChoice,
  { flags, context }: { readonly flags: ChangeFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { client: { jobs }, output, io, isJson, isQuiet } = context;
  if (flags.yes !== true) {
    if (!io.stdin.isTerminal()) {
      const reason = "--yes is needed, since standard input is not a terminal";
      throw new UsageError(`Cannot ${verb} jobs by filter: ${reason}`);
    }
    // The server names the states that it does not know.
    const changing = [choice.state ?? states].flat().filter((it) => !others.includes(it));
    const count = changing.length === 0
      ? undefined
      : await countOf({ ...choice, state: changing }, context);
    if (count === undefined || count.number === 0) {
      await output.note("No jobs match.");
      return EXIT.ok;
    }
    const head = verb === "cancel" ? "Cancel" : "Retry";
    await output.ask(`${head} ${count.text}? [y/N] `);
    if (!await isConfirmed(context)) {
      await output.note("Nothing was changed.");
      return EXIT.failed;
    }
  }
  const reason = flags.reason === undefined ? {} : { reason: flags.reason };
  const { count } = verb === "cancel"
    ? await jobs.cancelMany(choice, reason)
    : await jobs.retryMany(choice);
  if (isJson) await writeDocument(context, { count });
  else if (isQuiet) await output.line(String(count));
  else await output.line(`${count} ${count === 1 ? "job was" : "jobs were"} ${past}.`);
  return EXIT.ok;
}

async function countOf(
  choice: JobChoice,
  { client, signal }: Context,
): Promise<{ readonly number: number; readonly text: string }> {
  let number = 0;
  let cursor: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await client.jobs.list(choice, {
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    number += page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined && number < MAX_COUNTED);
  const text = `${cursor === undefined ? "" : "more than "}${number} ${
    number === 1 ? "job" : "jobs"
  }`;
  return { number, text };
}

/** Reads a line of standard input. */
async function isConfirmed({ io: { stdin }, output, signal }: Context): Promise<boolean> {
  const reader = stdin.readable.pipeThrough(new TextDecoderStream(), { signal }).getReader();
  let line = "";
  try {
    while (!line.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) break;
      line += value;
    }
  } catch (error) {
    // The cursor is still in the line of the question.
    await output.note("");
    throw error;
  }
  reader.releaseLock();
  return /^\s*y(es)?\s*$/i.test(line.split("\n")[0] ?? "");
}
