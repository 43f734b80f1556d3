import type { JobsConfig } from "../../config/mod.ts";
import type { Files } from "../../files/mod.ts";
import { isRecord } from "../../json/mod.ts";
import { inputLines, isStreamed, type StreamedInputs } from "./input_lines.ts";
import type { SubmitOptions, Submitted, Submitter } from "./submitter.ts";

/** The file with the items of a batch. */
const INPUTS_FILE = { name: "inputs.ndjson", mediaType: "application/x-ndjson" } as const;
/**
 * The longest list that is kept with its job, which reads it at once. A longer one is written to a
 * file, so that it holds the event loop neither now nor when the job starts.
 */
const MAX_LIST_ITEMS = 10_000;
/** The time that the submission of a batch whose items were written may take. */
const SUBMIT_MS = 10 * 60_000;

/** Dependencies of {@link StreamedBatches}. */
export interface StreamedBatchesDeps {
  readonly submitter: Pick<Submitter, "one" | "check">;
  readonly files: Pick<Files, "add" | "remove">;
  readonly config: Pick<JobsConfig, "maxArgsBytes" | "maxBatchItems">;
  readonly maxDepth: number | undefined;
}

/** A batch whose items come one after the other, or are many. */
export interface StreamedBatch {
  readonly kind: "batch";
  readonly inputs: StreamedInputs;
  readonly input?: unknown;
}

/** Submits batches whose items come one after the other, or are many: as a file for the job. */
export class StreamedBatches {
  readonly #deps: StreamedBatchesDeps;

  constructor(deps: StreamedBatchesDeps) {
    this.#deps = deps;
  }

  /** Returns true for a submission that {@link StreamedBatches.submit} takes. */
  static concern(input: unknown): input is StreamedBatch {
    if (!isRecord(input) || input["kind"] !== "batch") return false;
    const { inputs } = input;
    return isStreamed(inputs) || (Array.isArray(inputs) && inputs.length > MAX_LIST_ITEMS);
  }

  /**
   * Writes the items to a file, and submits the batch. Without a job, there is no file either.
   *
   * @throws {SnakedenError} As {@link Submitter.one} and {@link Files.add}. An error of the items
   * is thrown as it is; if the signal aborts, its reason.
   */
  async submit(
    { inputs, ...batch }: StreamedBatch,
    { signal, parent }: SubmitOptions = {},
  ): Promise<Submitted> {
    const { submitter, files, config } = this.#deps;
    // What is wrong without the items is said before any is taken.
    await submitter.check({ ...batch, inputs: [] }, { parent });
    const lines = inputLines(inputs, {
      takesAny: batch.input !== undefined,
      maxItems: config.maxBatchItems,
      maxItemBytes: config.maxArgsBytes,
      maxDepth: this.#deps.maxDepth,
    });
    const { id } = await files.add(lines, {
      ...INPUTS_FILE,
      ttlMs: SUBMIT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    let submitted: Submitted | undefined;
    try {
      signal?.throwIfAborted();
      const whole = { ...batch, inputsFile: id, format: "ndjson" };
      submitted = await submitter.one(whole, { parent });
      return submitted;
    } finally {
      // A job that takes the place of another one may have the file, which stays then.
      if (submitted?.answer.answer !== "created") await files.remove(id).catch(() => {});
    }
  }
}
