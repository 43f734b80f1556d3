import { SnakedenError } from "../errors.ts";
import type { BlobRange, BlobRef, Blobs } from "../store/mod.ts";

/** A long result that is kept as a blob. */
export class StoredBlob implements BlobRef {
  readonly sha256: string;
  readonly bytes: number;
  readonly #jobId: string;
  readonly #blobs: Pick<Blobs, "open">;

  constructor(
    { sha256, bytes }: BlobRef,
    { jobId, blobs }: { readonly jobId: string; readonly blobs: Pick<Blobs, "open"> },
  ) {
    this.sha256 = sha256;
    this.bytes = bytes;
    this.#jobId = jobId;
    this.#blobs = blobs;
  }

  /**
   * Opens it, or a part of it. The caller reads the stream to its end, or cancels it.
   *
   * @throws {SnakedenError} `store_failed` if it is missing or damaged.
   */
  async open(range?: BlobRange): Promise<ReadableStream<Uint8Array>> {
    const stream = await this.#blobs.open(this, range);
    if (stream === undefined) throw this.#missing();
    return stream;
  }

  /**
   * Reads it, or a part of it, into memory.
   *
   * @throws {SnakedenError} `store_failed` if it is missing or damaged.
   */
  async read(range: BlobRange = { start: 0, end: this.bytes }): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(range.end - range.start);
    let at = 0;
    for await (const chunk of await this.open(range)) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    if (at !== bytes.byteLength) throw this.#missing();
    return bytes;
  }

  #missing(): SnakedenError {
    return new SnakedenError(
      "store_failed",
      `Cannot read the result of the job ${this.#jobId}: its blob ${this.sha256} of ` +
        `${this.bytes} bytes is missing or damaged; retry the job to make it again`,
      { details: { jobId: this.#jobId, sha256: this.sha256 } },
    );
  }
}
