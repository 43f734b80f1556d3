import { Value } from "../../bridge/mod.ts";
import type { Job } from "../../jobs/mod.ts";
import type { JobError } from "../../store/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import { type Shown, shownDetails } from "../http/mod.ts";
import { around, type JsonPiece } from "./job_answer.ts";

/** Writes jobs as JSON. Their results are encoded, as those of `Jobs.encoded()`. */
export class JobJsonWriter {
  readonly #traffic: Traffic;
  readonly #shown: Shown;

  constructor(traffic: Traffic, shown: Shown) {
    this.#traffic = traffic;
    this.#shown = shown;
  }

  /** Returns the JSON of a job of a list, which has no result. */
  listed(job: Job): string {
    return JSON.stringify(this.#shownJob(job));
  }

  /** Returns the JSON of a job. A large result is written in another thread, as parts. */
  async job(job: Job, signal: AbortSignal): Promise<JsonPiece> {
    const { result, ...rest } = this.#shownJob(job);
    const text = JSON.stringify(rest);
    if (result === undefined) return text;
    return around(`${text.slice(0, -1)},"result":`, await this.value(result, signal), "}");
  }

  /** Returns the JSON of a value, in parts if it is large. */
  async value(given: unknown, signal: AbortSignal): Promise<JsonPiece> {
    const value = given instanceof Value ? given : Value.from(given);
    if (!this.#traffic.isLarge(value)) return value.jsonText();
    return [(await this.#traffic.inline(value, signal)).wire.json];
  }

  #shownJob(job: Job): Job {
    const { error, attempts } = job;
    if ((error ?? attempts) === undefined) return job;
    return {
      ...job,
      ...(error === undefined ? {} : { error: this.#shownError(error) }),
      ...(attempts === undefined ? {} : {
        attempts: attempts.map((it) =>
          it.error === undefined ? it : { ...it, error: this.#shownError(it.error) }
        ),
      }),
    };
  }

  #shownError({ details, ...error }: JobError): JobError {
    if (details === undefined) return error;
    const { summary, ...rest } = shownDetails(details, this.#shown);
    const isHidden = !this.#shown.output && typeof summary === "string";
    return {
      ...error,
      ...(isHidden ? { message: summary } : {}),
      ...(Object.keys(rest).length === 0 ? {} : { details: rest }),
    };
  }
}
