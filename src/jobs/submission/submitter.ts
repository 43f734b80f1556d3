import type { FilePlace } from "../../bridge/mod.ts";
import { nextTurn } from "../../async/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { JobStore, NewJob, SubmitAnswer } from "../../store/mod.ts";
import type { PreparedJob, Runners } from "../runners/mod.ts";
import type { JobParent } from "../scripts/mod.ts";
import { checkJob, invalidBatch, invalidJob } from "./check_job.ts";
import { JobIds } from "./job_ids.ts";
import { DEFAULT_QUEUE, newJob } from "./new_job.ts";

/** The most jobs that are submitted all or none, and in one turn of the store. */
export const MAX_BATCH = 1_000;

/** Dependencies of {@link Submitter}. */
export interface SubmitterDeps {
  readonly store: Pick<JobStore, "submit" | "getFiles">;
  readonly runners: Runners;
  readonly config: JobsConfig;
}

/** Options of submissions. */
export interface SubmitOptions {
  /** The number of the first job, for error texts. Default 0. */
  readonly first?: number;
  /** The job that submits them. */
  readonly parent?: JobParent | undefined;
  /** Ends the submission of a batch while its items are taken. */
  readonly signal?: AbortSignal | undefined;
}

/** A submission, as the store was given it, and the store's answer. */
export interface Submitted {
  readonly job: NewJob;
  readonly answer: SubmitAnswer;
}

/** The hashes of files by their ids. */
type Hashes = ReadonlyMap<string, string>;

/** The facts about submissions besides their own fields. */
interface PrepareFacts {
  readonly hashes: Hashes;
  readonly parent?: JobParent | undefined;
}

/** Checks submissions and hands them to the store. */
export class Submitter {
  readonly #deps: SubmitterDeps;
  readonly #ids = new JobIds();
  readonly #kinds: readonly string[];
  readonly #queues: readonly string[];
  /** The places that name files, of jobs with files alone. */
  readonly #places = new WeakMap<NewJob, readonly FilePlace[]>();

  constructor(deps: SubmitterDeps) {
    this.#deps = deps;
    this.#kinds = Object.keys(deps.runners);
    this.#queues = [DEFAULT_QUEUE, ...deps.config.queues.map(({ name }) => name)];
  }

  /**
   * Submits one job.
   *
   * @throws {SnakedenError} `invalid_input`, `unknown_tool`, `unknown_pool`, or what the store
   * throws.
   */
  async one(input: unknown, { parent }: SubmitOptions = {}): Promise<Submitted> {
    const job = await this.#checked(input, { hashes: await this.#hashesFor([input]), parent });
    parent?.signal.throwIfAborted();
    const [submitted] = await this.#send([job]);
    if (submitted === undefined) throw new TypeError("the store has not answered");
    return submitted;
  }

  /**
   * Checks a submission.
   *
   * @throws {SnakedenError} As {@link Submitter.one}, but for what the store throws.
   */
  async check(input: unknown, { parent }: SubmitOptions = {}): Promise<void> {
    await this.#checked(input, { hashes: NO_HASHES, parent });
  }

  /**
   * Submits jobs, all or none.
   *
   * @param inputs The jobs; an item may be the error why it could not be read.
   * @throws {InvalidInputError} Naming every job that is wrong.
   */
  async all(
    inputs: readonly unknown[],
    { first = 0, parent }: SubmitOptions = {},
  ): Promise<readonly Submitted[]> {
    const jobs = await this.#allPrepared(inputs, {
      first,
      parent,
      hashes: await this.#hashesFor(inputs),
    });
    parent?.signal.throwIfAborted();
    return await this.#send(jobs);
  }

  /**
   * Submits jobs in parts of {@link MAX_BATCH}, each all or none; yields each part when it is
   * durable. The next part is prepared while the store writes the one before.
   *
   * @throws {InvalidInputError} As {@link Submitter.all}; the parts before are submitted then.
   */
  async *inParts(
    inputs: readonly unknown[],
  ): AsyncGenerator<readonly Submitted[], void, undefined> {
    const prepared = async (first: number): Promise<readonly NewJob[]> => {
      const part = inputs.slice(first, first + MAX_BATCH);
      return await this.#allPrepared(part, { first, hashes: await this.#hashesFor(part) });
    };
    let jobs = await prepared(0);
    for (let next = MAX_BATCH; next < inputs.length; next += MAX_BATCH) {
      const sent = this.#send(jobs);
      // It may fail while nobody waits for it.
      sent.catch(() => {});
      // The store has the part when the next one holds the event loop.
      await nextTurn();
      let problem: unknown;
      try {
        jobs = await prepared(next);
      } catch (error) {
        problem = error;
      }
      yield await sent;
      if (problem !== undefined) throw problem;
    }
    yield await this.#send(jobs);
  }

  async #allPrepared(
    inputs: readonly unknown[],
    { first, ...facts }: PrepareFacts & { readonly first: number },
  ): Promise<readonly NewJob[]> {
    const issues: FieldIssue[] = [];
    const jobs: NewJob[] = [];
    let wrong = 0;
    for (const [i, input] of inputs.entries()) {
      const preparing = this.#prepare(input, facts);
      const job = preparing instanceof Promise ? await preparing : preparing;
      if (!Array.isArray(job) && !(job instanceof SnakedenError)) {
        jobs.push(job as NewJob);
        continue;
      }
      wrong++;
      const place = `[${first + i}]`;
      for (const { path, message } of issuesOf(job)) {
        issues.push({ path: path === "" ? place : `${place}.${path}`, message });
      }
    }
    if (wrong > 0) throw invalidBatch(issues, { wrong, total: inputs.length });
    return jobs;
  }

  async #send(jobs: readonly NewJob[]): Promise<Submitted[]> {
    if (jobs.length === 0) return [];
    const answers = await this.#deps.store.submit(jobs).catch((error) => {
      throw this.#atItsPlace(error, jobs);
    });
    return jobs.flatMap((job, i) => {
      const answer = answers[i];
      return answer === undefined ? [] : [{ job, answer }];
    });
  }

  /** Returns an error of the store with the path of the field that names an unknown file. */
  #atItsPlace(error: unknown, jobs: readonly NewJob[]): unknown {
    if (!(error instanceof SnakedenError) || error.code !== "unknown_file") return error;
    const { path, fileId } = error.details;
    const [, number] = /^jobs\[(\d+)\]/.exec(String(path)) ?? [];
    const job = jobs[Number(number)];
    const place = job && this.#places.get(job)?.find(({ id }) => id === fileId)?.path;
    if (place === undefined) return error;
    return unknownFile(String(fileId), jobs.length === 1 ? place : `[${number}].${place}`);
  }

  async #checked(input: unknown, facts: PrepareFacts): Promise<NewJob> {
    const job = await this.#prepare(input, facts);
    if (Array.isArray(job)) throw invalidJob(job);
    if (job instanceof SnakedenError) throw job;
    return job as NewJob;
  }

  /** Returns the hashes of the files with the items of batches that may be repeated. */
  async #hashesFor(inputs: readonly unknown[]): Promise<Hashes> {
    const ids = inputs.map(itemsFileOf).filter((it) => it !== undefined);
    if (ids.length === 0) return NO_HASHES;
    const files = await this.#deps.store.getFiles(ids);
    return new Map(files.flatMap((it) => it === undefined ? [] : [[it.id, it.sha256]]));
  }

  /** Returns the job to submit, or what is wrong with it; a promise of it if files must be read. */
  #prepare(input: unknown, { hashes, parent }: PrepareFacts): Prepared | Promise<Prepared> {
    if (input instanceof SnakedenError) return asRefusal(input);
    const now = Date.now();
    const checked = checkJob(input, { kinds: this.#kinds, queues: this.#queues, now });
    if (Array.isArray(checked)) return checked;
    if (parent !== undefined && checked.unique !== undefined) return [sharedKey(parent)];
    const { runners, config } = this.#deps;
    const kind = checked.kind ?? "call";
    const runner = runners[kind];
    if (runner === undefined) throw new TypeError(`there is no runner for ${kind}`);
    if (parent !== undefined && runner.submits === true && parent.depth >= parent.maxDepth) {
      return tooDeep(parent);
    }
    try {
      const made = (prepared: PreparedJob): NewJob => {
        const id = this.#ids.next(now);
        const itemsHash = hashes.get(itemsFileOf(checked) ?? "");
        const job = newJob(checked, { id, kind, prepared, config, itemsHash, parent });
        if (prepared.files !== undefined) this.#places.set(job, prepared.files);
        return job;
      };
      const prepared = runner.prepare(checked, parent);
      return prepared instanceof Promise ? prepared.then(made).catch(asRefusal) : made(prepared);
    } catch (error) {
      return asRefusal(error);
    }
  }
}

/** A job to submit, or what is wrong with it. */
type Prepared = NewJob | readonly FieldIssue[] | SnakedenError;

function asRefusal(error: unknown): readonly FieldIssue[] | SnakedenError {
  if (error instanceof InvalidInputError) return error.issues;
  if (error instanceof SnakedenError) return error;
  throw error;
}

/** The error for a job that could submit others, and lies too deep for that. */
function tooDeep({ id, depth, maxDepth }: JobParent): SnakedenError {
  return new SnakedenError(
    "call_depth_exceeded",
    `Cannot submit the job: it would be number ${depth + 1} of a row of jobs, each submitted by ` +
      `the one before, the last one ${id}; at most ${maxDepth} are allowed (jobs.scripts.maxDepth)`,
    { details: { parentId: id, depth, maxDepth } },
  );
}

/** Returns the issue of a key by which a job would read or change the jobs of others. */
function sharedKey({ id }: JobParent): FieldIssue {
  const message = `given with the token of the job ${id}, and a job of others may have the key; ` +
    "allowed: an id or an idempotencyKey";
  return { path: "unique", message };
}

const NO_HASHES: Hashes = new Map();

/** Returns the id of the file with the items of a batch whose submission may be repeated. */
function itemsFileOf(input: unknown): string | undefined {
  if (!isRecord(input) || input["kind"] !== "batch") return undefined;
  const { id, idempotencyKey, inputsFile } = input;
  const isRepeatable = id !== undefined || idempotencyKey !== undefined;
  return isRepeatable && typeof inputsFile === "string" ? inputsFile : undefined;
}

function unknownFile(fileId: string, path: string): SnakedenError {
  const message = `given ${JSON.stringify(fileId)}, which is no file; allowed: the id of a file ` +
    "that is kept";
  return new SnakedenError("unknown_file", `Cannot submit the job: ${path}: ${message}`, {
    details: { path, fileId, issues: [{ path, message }] },
  });
}

/** The fields at fault, by the code of an error; of any other error, it is `tool`. */
const PATHS: Readonly<Record<string, string>> = {
  unknown_pool: "pool",
  unknown_script: "script",
  call_depth_exceeded: "kind",
};

function issuesOf(problem: readonly FieldIssue[] | SnakedenError): readonly FieldIssue[] {
  if (!(problem instanceof SnakedenError)) return problem;
  const path = PATHS[problem.code] ?? "tool";
  return [{ path, message: problem.summary }];
}

/** Gathers items in parts of {@link MAX_BATCH}. */
export async function* partsOf(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<readonly unknown[], void, undefined> {
  let part: unknown[] = [];
  for await (const input of inputs) {
    if (part.push(input) < MAX_BATCH) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
