import type { BlobRef } from "../blobs/mod.ts";

/** The longest part that is kept as bytes: those who write a longer one make it a blob. */
export const MAX_INLINE_OUTPUT: number = 64 * 1024;

/** The result of a job whose outputs are its result. */
export interface OutputsAsResult {
  readonly outputs: true;
}

/**
 * A part of the output of a job: the texts of some items, one after the other. A blob is named by
 * the store from the commit of the part on.
 */
export interface OutputPart {
  /** The number of items. */
  readonly items: number;
  readonly body: Uint8Array<ArrayBuffer> | BlobRef;
}

/**
 * A part as it is stored, or the news that earlier ones are gone. `seq` is a position, which rises
 * and is never used again.
 */
export type StoredOutput =
  | ({ readonly kind: "part"; readonly seq: number } & OutputPart)
  | { readonly kind: "reset"; readonly seq: number };

/** Options of {@link JobOutputs.outputs}. */
export interface OutputsOptions {
  readonly signal: AbortSignal;
  /** True to wait for further parts until the job has ended. */
  readonly follow: boolean;
}

/**
 * The outputs of jobs that work through many items. A holder adds parts, and a checkpoint that says
 * how far they reach, by `Hold.outputs`, `Hold.checkpoint` and the same fields of an `End`. Both
 * are written in one commit, and only while the claim is good. So a later start that goes on behind
 * its `Claim.checkpoint` repeats no item, and leaves none out.
 *
 * Outputs and checkpoint outlive a claim that was lost, failed, cancelled or returned. A retry of a
 * job that was not completed keeps them, so that the job goes on where it was. The retry of a
 * completed one drops both, as does a submission that replaces a job. They go with their job.
 */
export interface JobOutputs {
  /**
   * Yields the parts behind `after` (0 for all), in order. With `follow`, waits for further ones
   * until the job has ended, or `signal` aborts; then it throws the reason. A `reset` says that the
   * parts before were dropped. Ends if the job does not exist, or is removed.
   */
  outputs(id: string, after: number, options: OutputsOptions): AsyncIterable<StoredOutput>;
}
