import { LineList, MAX_LIST_ITEMS } from "../../bridge/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import type { Files } from "../../files/mod.ts";
import { isRecord } from "../../json/mod.ts";
import { checkedLines, inputLines, isStreamed, type StreamedInputs } from "./input_lines.ts";
import type { SubmitOptions, Submitted, Submitter } from "./submitter.ts";

/** The file with the items of a batch. */
const INPUTS_FILE = { name: "inputs.ndjson", mediaType: "application/x-ndjson" } as const;
/** The time that the submission of a batch whose items were written may take. */
const SUBMIT_MS = 10 * 60_000;

/** Dependencies of {@link StreamedBatches}. */
export interface StreamedBatchesDeps {
  readonly submitter: Pick<Submitter, "one" | "all" | "check">;
  readonly files: Pick<Files, "add" | "remove">;
  readonly config: Pick<JobsConfig, "maxArgsBytes" | "maxBatchItems">;
  readonly maxDepth: number | undefined;
}

/** A batch whose items come one after the other, or are many. */
export interface StreamedBatch {
  readonly kind: "batch";
  readonly inputs: StreamedInputs | LineList;
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
    return StreamedBatches.areLong(input) || isBatch(input) && isStreamed(input.inputs);
  }

  /** Returns true for a submission with a list that {@link StreamedBatches.submitAll} takes. */
  static areLong(input: unknown): input is StreamedBatch {
    if (!isBatch(input)) return false;
    const { inputs } = input;
    return inputs instanceof LineList || (Array.isArray(inputs) && inputs.length > MAX_LIST_ITEMS);
  }

  /**
   * Writes the items to a file, and submits the batch. Without a job, there is no file either.
   *
   * @throws {SnakedenError} As {@link Submitter.one} and {@link Files.add}. An error of the items
   * is thrown as it is; if the signal aborts, its reason.
   */
  async submit(input: StreamedBatch, options: SubmitOptions = {}): Promise<Submitted> {
    const { submitter } = this.#deps;
    const refusal = await this.#refusal(input, options);
    if (refusal !== undefined) throw refusal;
    const written = await this.#written(input, options);
    let submitted: Submitted | undefined;
    try {
      options.signal?.throwIfAborted();
      submitted = await submitter.one(written.input, { parent: options.parent });
      return submitted;
    } finally {
      await this.#settle(written, submitted);
    }
  }

  /**
   * Submits jobs as {@link Submitter.all}; the items of long lists are in files. Those whose jobs
   * were not made are removed.
   *
   * @throws {SnakedenError} As {@link Submitter.all} and {@link Files.add}.
   */
  async submitAll(
    inputs: readonly unknown[],
    options: SubmitOptions = {},
  ): Promise<readonly Submitted[]> {
    const { submitter } = this.#deps;
    const all = [...inputs];
    const files = new Map<number, Written>();
    let submitted: readonly Submitted[] = [];
    try {
      for (const [i, input] of inputs.entries()) {
        if (!StreamedBatches.areLong(input)) continue;
        const written = await this.#refusal(input, options) ??
          await this.#written(input, options).catch(asInvalid);
        // What is wrong with one is named with what is wrong with the others.
        all[i] = written instanceof SnakedenError ? written : written.input;
        if (!(written instanceof SnakedenError)) files.set(i, written);
      }
      submitted = await submitter.all(all, options);
      return submitted;
    } finally {
      for (const [i, written] of files) await this.#settle(written, submitted[i]);
    }
  }

  /** Returns what is wrong with a batch without its items, before any is taken. */
  async #refusal(
    { inputs: _, ...batch }: StreamedBatch,
    { parent }: SubmitOptions,
  ): Promise<SnakedenError | undefined> {
    try {
      await this.#deps.submitter.check({ ...batch, inputs: [] }, { parent });
      return undefined;
    } catch (error) {
      if (error instanceof SnakedenError) return error;
      throw error;
    }
  }

  /** Writes the items of a batch to a file. */
  async #written(
    { inputs, ...batch }: StreamedBatch,
    { signal }: SubmitOptions,
  ): Promise<Written> {
    const { files, config, maxDepth } = this.#deps;
    const limits = { maxItems: config.maxBatchItems, maxItemBytes: config.maxArgsBytes };
    const { id } = await files.add(
      inputs instanceof LineList
        ? checkedLines(inputs, limits)
        : inputLines(inputs, { ...limits, takesAny: batch.input !== undefined, maxDepth }),
      { ...INPUTS_FILE, ttlMs: SUBMIT_MS, ...(signal === undefined ? {} : { signal }) },
    );
    return { file: id, input: { ...batch, inputsFile: id, format: "ndjson" } };
  }

  /** Removes the file of a batch, unless a job was made of it. */
  async #settle({ file }: Written, submitted: Submitted | undefined): Promise<void> {
    // A job that takes the place of another one may have the file, which stays then.
    if (submitted?.answer.answer === "created") return;
    await this.#deps.files.remove(file).catch(() => {});
  }
}

/** A batch whose items are in a file. */
interface Written {
  readonly file: string;
  readonly input: object;
}

function asInvalid(error: unknown): InvalidInputError {
  if (error instanceof InvalidInputError) return error;
  throw error;
}

function isBatch(input: unknown): input is Record<string, unknown> {
  return isRecord(input) && input["kind"] === "batch";
}
