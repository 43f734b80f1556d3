import type { Clock } from "../../async/mod.ts";
import {
  type BlobRef,
  type HeldBlob,
  type JsonObject,
  MAX_INLINE_OUTPUT,
  type OutputPart,
} from "../../store/mod.ts";
import { ResultLines } from "./result_lines.ts";

/** The time in which lines gather before they are written. */
const GATHER_MS = 200;
/** The bytes of lines that are written at once. */
const COMMIT_BYTES = 1024 * 1024;
/** The bytes of lines that may wait for the store; then nothing further is sent. */
const MAX_WAITING_BYTES = 4 * COMMIT_BYTES;

/** Keeps long parts of an output. */
export interface OutputBlobs {
  /** Writes a blob, which is kept while it is held. */
  put(body: Uint8Array<ArrayBuffer>): Promise<HeldBlob>;
}

/** Dependencies of an {@link OutputWriter}. */
export interface OutputWriterDeps {
  readonly clock: Clock;
  readonly blobs: OutputBlobs;
  /** Returns the checkpoint for all lines so far. */
  readonly checkpoint: () => JsonObject;
  readonly commit: (
    news: { readonly outputs: readonly OutputPart[]; readonly checkpoint: JsonObject },
  ) => Promise<void>;
  /** Called when lines were written, or could not be. */
  readonly onWritten: () => void;
}

/** Writes the lines of a batch with its checkpoints: one commit at a time, several a second. */
export class OutputWriter {
  readonly lines = new ResultLines();
  readonly #deps: OutputWriterDeps;
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Resolves when what waits is taken; undefined if nobody waits for that. */
  #taken: PromiseWithResolvers<void> | undefined;

  constructor(deps: OutputWriterDeps) {
    this.#deps = deps;
  }

  /** True if so much waits for the store that nothing should be added. */
  get isFull(): boolean {
    return this.lines.bytes >= MAX_WAITING_BYTES;
  }

  /** Resolves when more should be added; undefined if that is now. */
  room(): Promise<void> | undefined {
    if (!this.isFull || this.#failure !== undefined) return undefined;
    this.#taken ??= Promise.withResolvers<void>();
    return this.#taken.promise;
  }

  /** Throws the error for which lines could not be written. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Notes that lines were added. */
  added(): void {
    if (this.#writing !== undefined || this.#failure !== undefined) return;
    if (this.lines.bytes >= COMMIT_BYTES) this.#write();
    else {
      this.#cancelTimer ??= this.#deps.clock.after(GATHER_MS, () => {
        this.#cancelTimer = undefined;
        this.#write();
      });
    }
  }

  /** Writes everything; resolves when it is durable. */
  async flush(): Promise<void> {
    while (this.#failure === undefined) {
      if (this.#writing !== undefined) await this.#writing;
      else if (this.lines.count > 0) this.#write();
      else break;
    }
    this.#cancelTimer?.();
    this.throwIfFailed();
  }

  #write(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#writing !== undefined || this.lines.count === 0) return;
    // In the same turn, so that the checkpoint has exactly the items of the lines.
    const part = this.lines.take();
    this.#endWaits();
    const checkpoint = this.#deps.checkpoint();
    this.#writing = this.#commit(part, checkpoint)
      .catch((error) => {
        this.#failure ??= { error };
        this.#endWaits();
      })
      .finally(() => {
        this.#writing = undefined;
        if (this.lines.count > 0) this.added();
        this.#deps.onWritten();
      });
  }

  #endWaits(): void {
    this.#taken?.resolve();
    this.#taken = undefined;
  }

  async #commit(
    { items, body }: { readonly items: number; readonly body: Uint8Array<ArrayBuffer> },
    checkpoint: JsonObject,
  ): Promise<void> {
    const { blobs, commit } = this.#deps;
    if (body.byteLength <= MAX_INLINE_OUTPUT) {
      return await commit({ outputs: [{ items, body }], checkpoint });
    }
    using held = await blobs.put(body);
    const ref: BlobRef = { sha256: held.sha256, bytes: held.bytes };
    await commit({ outputs: [{ items, body: ref }], checkpoint });
  }
}
