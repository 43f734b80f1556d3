import type { JobInput } from "../../client/mod.ts";
import { type Context, EXIT, type ExitStatus, UsageError } from "../command/mod.ts";
import { safeLine } from "../terminal/mod.ts";
import { followJob } from "./follow.ts";
import { jobFields, type JobFlags, toolArguments } from "./job_input.ts";
import { writeJobs } from "./job_rows.ts";

/** Options of {@link submitJob}. */
export interface SubmitFlags extends JobFlags {
  readonly wait?: boolean;
  readonly follow?: boolean;
  readonly waitTimeout?: number;
}

/** Submits a job. With `wait` or `follow`, waits for its end and writes its result. */
export async function submitJob(
  tool: string,
  given: readonly string[],
  { flags, context }: { readonly flags: SubmitFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { client, io, output, isQuiet, isJson } = context;
  const { wait = false, follow = false, waitTimeout } = flags;
  const waits = wait || follow;
  if (waitTimeout !== undefined && !waits) {
    throw new UsageError("Cannot submit the job: --wait-timeout needs --wait or --follow");
  }
  const args = await toolArguments(given, io);
  const input: JobInput = { ...await jobFields(flags, io), tool, args };
  const handle = await client.jobs.submit(input);
  const { id, answer, job } = handle;
  if (!waits) {
    await writeJobs([job], context);
    if (answer !== "created" && !isQuiet) await output.note(answerText(answer, id));
    return EXIT.ok;
  }
  if (isQuiet) await output.line(safeLine(id));
  else if (!isJson) {
    const text = answer === "created"
      ? `Submitted the job ${safeLine(id)}.`
      : answerText(answer, id);
    await output.note(text);
  }
  const jobs = {
    events: (_id: string, options = {}) => handle.events(options),
    wait: (_id: string, options = {}) => handle.done(options),
    result: <T>(it: string): Promise<T> => client.jobs.result<T>(it),
    results: client.jobs.results.bind(client.jobs),
  };
  return await followJob(id, { jobs, context, timeoutMs: waitTimeout, isLive: follow });
}

function answerText(answer: string, id: string): string {
  const texts: Readonly<Record<string, string>> = {
    created: "was created",
    existing: "already exists",
    dropped: "has the same unique key, so no other was created",
    replaced: "has taken the new arguments",
  };
  return `The job ${safeLine(id)} ${texts[answer] ?? safeLine(answer)}.`;
}
