import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { type AnswerFields, type Reply, wrongField } from "../http/mod.ts";
import type { Job, SubmitAnswer, SubmittedJob } from "../shapes/mod.ts";
import { decodeFields } from "../values/mod.ts";

/** The fields of a job without which it cannot be followed. */
const JOB: AnswerFields = { id: "text", state: "text", done: "flag" };

/** Reads an answer that is a job. Its result is decoded; all else is plain JSON. */
export async function jobIn(reply: Reply): Promise<Job> {
  return await reply.json<Job>(JOB, (text) => decodeFields(text, ["result"]));
}

/** Returns the job in the data of an event; undefined if it is none. */
export function jobOfData(data: string): Job | undefined {
  if (!isRecord(parsed(data))) return undefined;
  const job: unknown = decodeFields(data, ["result"]);
  return isRecord(job) && wrongField(job, JOB) === undefined ? job as unknown as Job : undefined;
}

const ANSWERS: readonly SubmitAnswer[] = ["created", "existing", "dropped", "replaced"];

/** Returns the answer to a submission, by its header. A page may see only its status. */
export function submitAnswerOf({ response }: Reply): SubmitAnswer {
  const named = response.headers.get("snakeden-submit");
  const fallback = response.status === 201 ? "created" : "existing";
  return ANSWERS.find((it) => it === named) ?? fallback;
}

const ITEM: AnswerFields = { id: "text", answer: "text" };

/**
 * Reads the answers for the jobs of a batch, one for each.
 *
 * @throws {SnakedenError} `unexpected_answer` if some are missing.
 */
export async function batchItems(reply: Reply, count: number): Promise<readonly SubmittedJob[]> {
  const { jobs } = await reply.json<{ jobs: SubmittedJob[] }>({ jobs: "objects" });
  const fits = (it: unknown): boolean => isRecord(it) && wrongField(it, ITEM) === undefined;
  if (jobs.length === count && jobs.every(fits)) return jobs;
  throw new SnakedenError(
    "unexpected_answer",
    `The answer to a batch of ${count} jobs is not one of Snakeden: it has ` +
      `${jobs.filter(fits).length} answers with an id`,
  );
}

/** Parses JSON; returns undefined for what is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
