import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { filesIn } from "../files/mod.ts";
import type { Ask, Host, Transport } from "../http/mod.ts";
import type {
  BatchResult,
  BatchResultsOptions,
  CancelJobOptions,
  CancelManyOptions,
  DenJobs,
  FilePage,
  Job,
  JobChoice,
  JobEvent,
  JobEventsOptions,
  JobInput,
  JobListOptions,
  JobLogsOptions,
  JobPage,
  LogLine,
  ManyOutcome,
  RetryManyOptions,
  SubmitAnswer,
  SubmitJobOptions,
  SubmittedJob,
  WaitOptions,
} from "../shapes/mod.ts";
import { decodeFields } from "../values/mod.ts";
import { batchResults } from "./batch_results.ts";
import { batchItems, jobIn, submitAnswerOf } from "./job_answers.ts";
import { batchBodies, type JobBody, jobBody, ofWholeBatch } from "./job_body.ts";
import { jobEvents } from "./job_events.ts";
import { jobLogs } from "./job_logs.ts";
import { JobHandle } from "./job_handle.ts";
import { JobRequests } from "./job_requests.ts";
import { isStreamed, submitStreamed } from "./streamed_batch.ts";
import { waitForEnd } from "./job_wait.ts";

const JOBS = "/v1/jobs";
const JSON_BODY = { "content-type": "application/json" } as const;

/** The most jobs that are submitted all or none, as in the library. */
const MAX_BATCH = 1_000;

/** The length after which a part takes no further job; hosts take bodies of 8 MiB. */
const MAX_PART_CHARS = 2 * 1024 * 1024;

/** Names of jobs that a path can hold. */
const ID = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

/**
 * Durable jobs. A job is in the store of its host when its submission resolves: it runs even if the
 * host is killed right after, and is kept for a while after its end. The methods are those of the
 * library.
 *
 * A submission without an id and an idempotency key gets a random key. If its answer is lost, it
 * is sent again to the same host, and makes no second job.
 *
 * Jobs belong to one host. With several base URLs, a {@link JobHandle} stays with the host that
 * took its job; the methods with an id ask the first host that answers.
 *
 * @example
 * ```ts ignore
 * import { SnakedenClient } from "snakeden/client";
 *
 * const den = new SnakedenClient({ baseUrl: "http://127.0.0.1:8000" });
 * const job = await den.jobs.submit({ tool: "add", args: { a: 2, b: 3 } });
 * console.log(await job.result());
 * ```
 */
export class Jobs implements DenJobs {
  readonly #requests: JobRequests;

  /** Programs get theirs from {@link SnakedenClient.jobs}. */
  constructor(requests: Transport | JobRequests) {
    this.#requests = requests instanceof JobRequests ? requests : new JobRequests(requests);
  }

  /**
   * Submits a job. It is durable when this resolves.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, `unknown_tool`,
   * `unknown_pool`, `idempotency_conflict`, `queue_draining`, `store_failed` or
   * `store_unavailable`; `connection_lost`, with `idempotencyKey` or `jobId` of the submission, if
   * the host stays away. For the items of an iterable also the errors of `den.files.add()`, their
   * own, and the reason of the signal.
   */
  async submit(input: JobInput, { signal }: SubmitJobOptions = {}): Promise<JobHandle> {
    if (!isStreamed(input)) return await this.#submit(input, signal);
    return await submitStreamed(input, {
      requests: this.#requests,
      signal,
      submit: (batch, host) => new Jobs(this.#requests.at(host)).#submit(batch, signal),
    });
  }

  async #submit(input: unknown, signal: AbortSignal | undefined): Promise<JobHandle> {
    const body = jobBody(input);
    const ask: Ask = { method: "POST", path: JOBS, body: body.json, headers: JSON_BODY, signal };
    const submitted = await withKey(
      body,
      this.#requests.sendAgain(ask, async (reply) => {
        return { answer: submitAnswerOf(reply), job: await jobIn(reply), host: reply.host };
      }),
    );
    const { answer, job, host } = submitted;
    return new JobHandle(
      { answer: answerTo(body, answer), job },
      new Jobs(this.#requests.at(host)),
    );
  }

  /**
   * Submits jobs. Up to 1,000 jobs in an array are submitted all or none; more, or those of another
   * iterable, in parts of 1,000. Returns the answer and the id for each, in order: one with the
   * idempotency key of another submission is answered with `conflict`. If a part is refused, the
   * error has the number of jobs that were submitted before it, as `details.submitted`.
   *
   * @throws {SnakedenError} As {@link Jobs.submit}, but no `idempotency_conflict`; an
   * `invalid_input` names every job of the part that is wrong.
   */
  async submitMany(
    inputs: Iterable<JobInput> | AsyncIterable<JobInput>,
  ): Promise<SubmittedJob[]> {
    const all: SubmittedJob[] = [];
    let requests = this.#requests;
    let submitted = 0;
    try {
      for await (const part of partsOf(inputs)) {
        const { items, host } = await submitPart(part, { requests, first: submitted });
        submitted += items.length;
        // All parts go to one host.
        requests = requests.at(host);
        all.push(...ownItems(items, part));
      }
      return all;
    } catch (error) {
      if (error instanceof SnakedenError) error.addDetails({ submitted });
      throw error;
    }
  }

  /**
   * Returns a job as it is now.
   *
   * @throws {SnakedenError} `unknown_job`.
   */
  async get(id: string): Promise<Job> {
    return await jobIn(await this.#requests.send({ path: pathOf(id) }));
  }

  /**
   * Lists jobs, the last submitted first.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, such as a cursor of
   * another choice.
   */
  async list(choice: JobChoice = {}, options: JobListOptions = {}): Promise<JobPage> {
    const query = queryOf({ ...choice, ...options });
    const reply = await this.#requests.send({ path: `${JOBS}${query}` });
    const { jobs, cursor } = await reply.json<{ jobs: Job[]; cursor?: string }>({
      jobs: "objects",
    });
    return { items: jobs, ...(cursor === undefined ? {} : { cursor }) };
  }

  /**
   * Cancels a job. A waiting one is cancelled at once; a running one is stopped, if need be by
   * ending its worker. The request is durable when this resolves. Has no effect on a job that has
   * ended.
   *
   * @throws {SnakedenError} `unknown_job`.
   */
  async cancel(id: string, options: CancelJobOptions = {}): Promise<Job> {
    return await this.#requests.sendAgain(postOf(`${pathOf(id)}/cancel`, options), jobIn);
  }

  /**
   * Makes a job run again at once: one that has ended, or one that waits for its next attempt. A
   * job that has used up its attempts gets one more.
   *
   * @throws {SnakedenError} `unknown_job`; `job_running`; `queue_draining`.
   */
  async retry(id: string): Promise<Job> {
    return await jobIn(await this.#requests.send(postOf(`${pathOf(id)}/retry`)));
  }

  /**
   * Lists the files that a job has made, the last one first. They are kept with the job.
   *
   * @throws {SnakedenError} `unknown_job`; `invalid_input` naming every field that is wrong.
   */
  async artifacts(id: string, options: JobListOptions = {}): Promise<FilePage> {
    const reply = await this.#requests.send({ path: `${pathOf(id)}/artifacts${queryOf(options)}` });
    return await filesIn(reply, "artifacts");
  }

  /**
   * Cancels all jobs of a choice, which must not be empty, like {@link Jobs.cancel}. The host works
   * in parts, and stops after one if the signal aborts, whose reason is thrown.
   */
  async cancelMany(choice: JobChoice, options: CancelManyOptions = {}): Promise<ManyOutcome> {
    const { signal, ...fields } = options;
    return await this.#many("cancel", { ...choice, ...fields }, signal);
  }

  /**
   * Retries all jobs of a choice, like {@link Jobs.retry}, in parts as {@link Jobs.cancelMany}.
   * Leaves out jobs that run, and those that have ended in a queue that drains.
   */
  async retryMany(choice: JobChoice, options: RetryManyOptions = {}): Promise<ManyOutcome> {
    return await this.#many("retry", choice, options.signal);
  }

  /**
   * Returns the result of a job that has ended, decoded.
   *
   * @throws {SnakedenError} `unknown_job`; `job_unfinished`; the error of the job if it has failed,
   * `cancelled` or `job_expired`.
   */
  async result<T = unknown>(id: string): Promise<T> {
    const path = `${pathOf(id)}/result`;
    const reply = await this.#requests.send({ path, headers: { accept: "application/json" } });
    const { result } = await reply.json<{ result: unknown }>(
      { result: "anything" },
      (text) => decodeFields(text, ["result"]),
    );
    return result as T;
  }

  /**
   * Yields what came of the items of a batch, in the order in which they ended: those that have,
   * and then the others, until its end. If the batch itself fails, its error is thrown at the end.
   * The host may be restarted meanwhile.
   *
   * @throws {SnakedenError} `unknown_job`; the error of the job; `host_unreachable` or
   * `connection_lost` if the host stays away. If the signal aborts, its reason is thrown.
   */
  async *results<T = unknown>(
    id: string,
    options: BatchResultsOptions = {},
  ): AsyncGenerator<BatchResult<T>, void, undefined> {
    yield* batchResults<T>(pathOf(id), this.#requests, options);
    if (options.follow === false) return;
    const { done, state } = await this.get(id);
    if (done && state !== "completed") await this.result(id);
  }

  /**
   * Waits until a job has ended, and returns it; after `timeoutMs`, as it is then. The host may be
   * restarted meanwhile.
   *
   * @throws {SnakedenError} `unknown_job`; `host_unreachable` or `connection_lost` if the host
   * stays away. If the signal aborts, its reason is thrown.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    return await waitForEnd(pathOf(id), this.#requests, options);
  }

  /**
   * Yields the events of a job, those that have been and those to come, until its end. The first
   * one is its `state`. Reconnects by itself; a chunk is yielded once. Of progress and states that
   * come faster than they are read, the last.
   *
   * @throws {SnakedenError} `unknown_job`; `connection_lost` if the host stays away, with the
   * position to go on from as `details.after`. If the signal aborts, its reason is thrown.
   */
  async *events(
    id: string,
    options: JobEventsOptions = {},
  ): AsyncGenerator<JobEvent, void, undefined> {
    yield* jobEvents(`${pathOf(id)}/events`, this.#requests, options);
  }

  /**
   * Yields the lines of the log of a job, like `den.jobs.logs`. Reconnects by itself; a line is
   * yielded once.
   *
   * @throws {SnakedenError} `unknown_job`; `connection_lost` if the host stays away, with the
   * number of the last line as `details.after`. If the signal aborts, its reason is thrown.
   */
  async *logs(id: string, options: JobLogsOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    yield* jobLogs(`${pathOf(id)}/logs`, this.#requests, options);
  }

  async #many(
    action: "cancel" | "retry",
    body: object,
    signal: AbortSignal | undefined,
  ): Promise<ManyOutcome> {
    const ask = postOf(`${JOBS}/${action}`, body);
    const reply = await this.#requests.send(signal === undefined ? ask : { ...ask, signal });
    return await reply.json<ManyOutcome>({ count: "number" });
  }
}

/** Submits up to {@link MAX_BATCH} jobs, all or none. */
async function submitPart(
  bodies: readonly JobBody[],
  { requests, first }: { readonly requests: JobRequests; readonly first: number },
): Promise<{ readonly items: readonly SubmittedJob[]; readonly host: Host }> {
  const ask: Ask = {
    method: "POST",
    path: `${JOBS}/batch`,
    // Lines of JSON would be submitted in parts that the host chooses.
    body: `[${bodies.map(({ json }) => json).join(",")}]`,
    headers: JSON_BODY,
  };
  try {
    return await requests.sendAgain(ask, async (reply) => {
      return { items: await batchItems(reply, bodies.length), host: reply.host };
    });
  } catch (error) {
    throw error instanceof InvalidInputError ? ofWholeBatch(error, first) : error;
  }
}

function ownItems(items: readonly SubmittedJob[], bodies: readonly JobBody[]): SubmittedJob[] {
  return items.map(({ id, answer }, i) => {
    const body = bodies[i];
    const isOwn = body === undefined || answer === "conflict";
    return { id, answer: isOwn ? answer : answerTo(body, answer) };
  });
}

/** A key that was made here is known only after a lost answer, whose job is that of the caller. */
function answerTo({ isOwnKey }: JobBody, answer: SubmitAnswer): SubmitAnswer {
  return isOwnKey && answer === "existing" ? "created" : answer;
}

/** Adds the key to the error of a submission that may have made a job. */
async function withKey<T>({ key, id }: JobBody, submission: Promise<T>): Promise<T> {
  try {
    return await submission;
  } catch (error) {
    const isLost = error instanceof SnakedenError && error.code === "connection_lost";
    if (isLost && key !== undefined) error.addDetails({ idempotencyKey: key });
    if (isLost && id !== undefined) error.addDetails({ jobId: id });
    throw error;
  }
}

/** @throws {SnakedenError} `unknown_job` for what is no id of a job, as in the library. */
function pathOf(id: string): string {
  if (ID.test(id)) return `${JOBS}/${encodeURIComponent(id)}`;
  throw new SnakedenError(
    "unknown_job",
    `There is no job ${JSON.stringify(id)}: it was never submitted, or was removed some time ` +
      "after its end",
    { details: { jobId: id } },
  );
}

function postOf(path: string, body: object = {}): Ask {
  return { method: "POST", path, body: JSON.stringify(body), headers: JSON_BODY };
}

/** Returns the query of a list; a field with several values stands there several times. */
function queryOf(fields: object): string {
  const pairs = Object.entries(fields).flatMap(([name, given]) => {
    const values: readonly unknown[] = Array.isArray(given) ? given : [given];
    return values.filter((it) => it !== undefined).map((it) => [name, textOf(it)]);
  });
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

function textOf(value: unknown): string {
  // The host says what is wrong with a date that is none.
  return value instanceof Date && !Number.isNaN(value.getTime())
    ? value.toISOString()
    : String(value);
}

/** Gathers submissions in parts of {@link MAX_BATCH}; those of no array also by their length. */
async function* partsOf(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<readonly JobBody[], void, undefined> {
  if (Array.isArray(inputs)) {
    for (let i = 0; i < inputs.length; i += MAX_BATCH) {
      yield batchBodies(inputs.slice(i, i + MAX_BATCH), i);
    }
    return;
  }
  let part: JobBody[] = [];
  let chars = 0;
  let count = 0;
  for await (const input of inputs) {
    const [body] = batchBodies([input], count++);
    if (body === undefined) continue;
    const { length } = body.json;
    if (part.length === MAX_BATCH || (part.length > 0 && chars + length > MAX_PART_CHARS)) {
      yield part;
      part = [];
      chars = 0;
    }
    part.push(body);
    chars += length;
  }
  if (part.length > 0) yield part;
}
