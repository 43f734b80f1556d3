import { SnakedenError } from "../errors.ts";
import type { SubmitAnswer } from "../store/mod.ts";
import type { ManySubmitOutcome, SubmitOutcome } from "./job.ts";
import { idConflict, idempotencyConflict } from "./job_errors.ts";
import type { JobReader } from "./job_reader.ts";
import {
  partsOf,
  StreamedBatches,
  type SubmitOptions,
  type Submitted,
  type Submitter,
} from "./submission/mod.ts";

/** Dependencies of {@link JobSubmissions}. */
export interface JobSubmissionsDeps {
  readonly submitter: Submitter;
  readonly streamed: Pick<StreamedBatches, "submit" | "submitAll">;
  readonly reader: Pick<JobReader, "find" | "created">;
}

/** Submits jobs, and shows what came of each. */
export class JobSubmissions {
  readonly #submitter: Submitter;
  readonly #streamed: Pick<StreamedBatches, "submit" | "submitAll">;
  readonly #reader: Pick<JobReader, "find" | "created">;

  constructor({ submitter, streamed, reader }: JobSubmissionsDeps) {
    this.#submitter = submitter;
    this.#streamed = streamed;
    this.#reader = reader;
  }

  /** Submits one job, as {@link Jobs.submission} does. */
  async one(input: unknown, options: SubmitOptions = {}): Promise<SubmitOutcome> {
    const { signal } = options;
    signal?.throwIfAborted();
    const submitted = StreamedBatches.concern(input)
      ? await this.#streamed.submit(input, options)
      : await this.#submitter.one(input, options);
    const { job, answer } = submitted;
    if (answer.answer === "conflict") {
      const key = job.idempotency?.key;
      throw key === undefined ? idConflict(answer.id) : idempotencyConflict(key, answer.id);
    }
    // Of the outcomes, only a conflict is none of a single submission.
    return await this.#outcome(submitted) as SubmitOutcome;
  }

  /** Submits jobs in parts, as {@link Jobs.submissions} does. */
  async *inParts(
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
  ): AsyncGenerator<ManySubmitOutcome[], void, undefined> {
    let submitted = 0;
    try {
      for await (const answers of this.#parts(inputs)) {
        submitted += answers.length;
        const outcomes = answers.map((it) => this.#outcome(it));
        // Most are there at once, without a promise for each.
        yield outcomes.every(isThere) ? outcomes : await Promise.all(outcomes);
      }
    } catch (error) {
      if (error instanceof SnakedenError) error.addDetails({ submitted });
      throw error;
    }
  }

  /** Submits jobs, all or none, as {@link Jobs.submitAll} does. */
  async all(
    inputs: readonly unknown[],
    options?: SubmitOptions,
  ): Promise<readonly SubmitAnswer[]> {
    const submitted = await this.#all(inputs, options);
    return submitted.map(({ answer }) => answer);
  }

  async *#parts(
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
  ): AsyncGenerator<readonly Submitted[], void, undefined> {
    if (Array.isArray(inputs) && !inputs.some(StreamedBatches.areLong)) {
      yield* this.#submitter.inParts(inputs);
      return;
    }
    let first = 0;
    for await (const part of partsOf(inputs)) {
      yield await this.#all(part, { first });
      first += part.length;
    }
  }

  async #all(inputs: readonly unknown[], options?: SubmitOptions): Promise<readonly Submitted[]> {
    return inputs.some(StreamedBatches.areLong)
      ? await this.#streamed.submitAll(inputs, options)
      : await this.#submitter.all(inputs, options);
  }

  /** Returns the outcome of a submission; a created job needs no look into the store. */
  #outcome({ job, answer }: Submitted): ManySubmitOutcome | Promise<ManySubmitOutcome> {
    const { answer: state, id } = answer;
    const reader = this.#reader;
    if (state === "created") return { id, answer: state, job: reader.created(job, answer) };
    if (state === "conflict") {
      return reader.find(id).then((it) => ({
        id,
        answer: state,
        ...(it === undefined ? {} : { job: it }),
      }));
    }
    // A key is remembered for longer than some jobs are kept.
    return reader.find(id).then((it) => ({
      id,
      answer: state,
      job: it ?? reader.created(job, answer),
    }));
  }
}

function isThere(
  outcome: ManySubmitOutcome | Promise<ManySubmitOutcome>,
): outcome is ManySubmitOutcome {
  return !(outcome instanceof Promise);
}
