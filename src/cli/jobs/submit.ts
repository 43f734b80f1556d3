import type { BatchJob, FileInfo, Job, JobInput } from "../../client/mod.ts";
import { SnakedenError } from "../../client/mod.ts";
import { type Context, EXIT, type ExitStatus, resultTarget, UsageError } from "../command/mod.ts";
import { safeLine } from "../terminal/mod.ts";
import {
  batchFields,
  type BatchFlags,
  earlierBatch,
  removeUpload,
  uploadBatch,
} from "./batch_file.ts";
import { type FollowedJobs, followJob } from "./follow.ts";
import { jobFields, toolArguments } from "./job_input.ts";
import { writeJobs } from "./job_rows.ts";
import { programFields, type ProgramFlags } from "./program_input.ts";

/** Options of {@link submitJob}. */
export interface SubmitFlags extends BatchFlags, ProgramFlags {
  readonly wait?: boolean;
  readonly follow?: boolean;
  readonly waitTimeout?: number;
  /** The path of a file for the result. */
  readonly output?: string;
}

/** A job that was submitted, or that was there. */
interface Submitted {
  readonly answer: string;
  readonly job: Job;
  readonly jobs: FollowedJobs;
}

/**
 * Submits a job. With `wait` or `follow`, waits for its end and writes its result.
 *
 * @param given The tool and its arguments; of a script or a command only the arguments.
 */
export async function submitJob(
  given: readonly string[],
  { flags, context }: { readonly flags: SubmitFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { output, isQuiet, isJson } = context;
  const { wait = false, follow = false, waitTimeout } = flags;
  const waits = wait || follow;
  for (const [option, value] of [["--wait-timeout", waitTimeout], ["--output", flags.output]]) {
    if (value === undefined || waits) continue;
    throw new UsageError(`Cannot submit the job: ${option} needs --wait or --follow`);
  }
  await using results = await resultTarget(flags.output, context);
  const { answer, job, jobs } = await submitted(given, { flags, context });
  const { id } = job;
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
  const hasLog = follow && !isQuiet;
  const options = { jobs, context, results, timeoutMs: waitTimeout, isLive: follow, hasLog };
  const status = await followJob(id, options);
  if (status === EXIT.ok) await results.keep();
  return status;
}

async function submitted(
  given: readonly string[],
  { flags, context }: { readonly flags: SubmitFlags; readonly context: Context },
): Promise<Submitted> {
  const { client, io } = context;
  const program = await programFields(flags, given, io);
  if (program !== undefined) {
    const fields = await jobFields(flags, io);
    return await submittedAs({ ...fields, ...program } as JobInput, context);
  }
  const [tool, ...texts] = given;
  if (tool === undefined) {
    throw new UsageError(
      "Cannot submit the job: what it runs is missing; allowed: a TOOL, --script FILE or " +
        "--command NAME",
    );
  }
  const args = await toolArguments(texts, io);
  const fields = await jobFields(flags, io);
  const batch = batchFields(flags);
  if (batch === undefined) return await submittedAs({ ...fields, tool, args }, context);
  const job = await earlierBatch(flags.id, { tool, context });
  if (job !== undefined) return { answer: "existing", job, jobs: client.jobs };
  const { format = "ndjson" } = batch;
  const file = await uploadBatch(flags.batch ?? "", { format, context });
  const input = { ...fields, ...batch, tool, args, inputsFile: file.id } as BatchJob;
  return await submittedWith(file, input, context);
}

async function submittedAs(input: JobInput, { client }: Context): Promise<Submitted> {
  const handle = await client.jobs.submit(input);
  return {
    answer: handle.answer,
    job: handle.job,
    jobs: {
      events: (_id, options = {}) => handle.events(options),
      wait: (_id, options = {}) => handle.done(options),
      result: (it) => client.jobs.result(it),
      results: (_id, options = {}) => handle.results(options),
      logs: (_id, options = {}) => handle.logs(options),
    },
  };
}

/** Submits the batch of a file that was uploaded for it. */
async function submittedWith(
  file: FileInfo,
  input: BatchJob,
  context: Context,
): Promise<Submitted> {
  try {
    const it = await submittedAs(input, context);
    if (it.answer === "existing" || it.answer === "dropped") await removeUpload(file, context);
    return it;
  } catch (error) {
    const isRefused = error instanceof SnakedenError && error.code !== "connection_lost";
    if (isRefused) await removeUpload(file, context);
    throw error;
  }
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
