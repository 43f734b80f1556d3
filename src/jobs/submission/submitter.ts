import type { JobsConfig } from "../../config/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import type { JobStore, NewJob, SubmitAnswer } from "../../store/mod.ts";
import type { Runners } from "../runners/mod.ts";
import { checkJob, invalidBatch, invalidJob } from "./check_job.ts";
import { JobIds } from "./job_ids.ts";
import { DEFAULT_QUEUE, newJob } from "./new_job.ts";

/** The most jobs that are submitted all or none, and in one turn of the store. */
export const MAX_BATCH = 1_000;

/** Dependencies of {@link Submitter}. */
export interface SubmitterDeps {
  readonly store: Pick<JobStore, "submit">;
  readonly runners: Runners;
  readonly config: JobsConfig;
}

/** A submission, as the store was given it, and the store's answer. */
export interface Submitted {
  readonly job: NewJob;
  readonly answer: SubmitAnswer;
}

/** Checks submissions and hands them to the store. */
export class Submitter {
  readonly #deps: SubmitterDeps;
  readonly #ids = new JobIds();
  readonly #kinds: readonly string[];
  readonly #queues: readonly string[];

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
  async one(input: unknown): Promise<Submitted> {
    const job = this.#prepare(input);
    if (Array.isArray(job)) throw invalidJob(job);
    if (job instanceof SnakedenError) throw job;
    const [submitted] = await this.#send([job as NewJob]);
    if (submitted === undefined) throw new TypeError("the store has not answered");
    return submitted;
  }

  /**
   * Submits jobs, all or none.
   *
   * @param inputs The jobs; an item may be the error why it could not be read.
   * @param first The number of the first one, for error texts.
   * @throws {InvalidInputError} Naming every job that is wrong.
   */
  async all(inputs: readonly unknown[], first = 0): Promise<readonly Submitted[]> {
    const issues: FieldIssue[] = [];
    const jobs: NewJob[] = [];
    let wrong = 0;
    for (const [i, input] of inputs.entries()) {
      const job = this.#prepare(input);
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
    return jobs.length === 0 ? [] : await this.#send(jobs);
  }

  async #send(jobs: readonly NewJob[]): Promise<Submitted[]> {
    const answers = await this.#deps.store.submit(jobs);
    return jobs.flatMap((job, i) => {
      const answer = answers[i];
      return answer === undefined ? [] : [{ job, answer }];
    });
  }

  /** Returns the job to submit, or what is wrong with it. */
  #prepare(input: unknown): NewJob | readonly FieldIssue[] | SnakedenError {
    if (input instanceof InvalidInputError) return input.issues;
    const now = Date.now();
    const checked = checkJob(input, { kinds: this.#kinds, queues: this.#queues, now });
    if (Array.isArray(checked)) return checked;
    const { runners, config } = this.#deps;
    const kind = checked.kind ?? "call";
    const runner = runners[kind];
    if (runner === undefined) throw new TypeError(`there is no runner for ${kind}`);
    try {
      const prepared = runner.prepare(checked);
      return newJob(checked, { id: this.#ids.next(now), kind, prepared, config });
    } catch (error) {
      if (error instanceof InvalidInputError) return error.issues;
      if (error instanceof SnakedenError) return error;
      throw error;
    }
  }
}

function issuesOf(problem: readonly FieldIssue[] | SnakedenError): readonly FieldIssue[] {
  if (!(problem instanceof SnakedenError)) return problem;
  const path = problem.code === "unknown_pool" ? "pool" : "tool";
  return [{ path, message: problem.summary }];
}
