import { createHash } from "node:crypto";
import { SnakedenError } from "../errors.ts";
import type { BlobRange, BlobRef } from "../store/mod.ts";
import { SLICE_BYTES } from "./part_file.ts";

/**
 * The length up to which a blob that is read as a whole is hashed. A longer one would take the
 * event loop a second for each gigabyte.
 */
const MAX_HASHED_BYTES = 16 * 1024 * 1024;

/** A part of an open file to read. */
export interface BlobSource {
  readonly file: Deno.FsFile;
  readonly ref: BlobRef;
  readonly range: BlobRange;
  /** Called when the blob was found to be damaged. */
  readonly onDamage: (problem: string) => Promise<void>;
}

/** The streams that are read from the files of blobs. */
export class BlobStreams {
  readonly #open = new Set<() => void>();

  /** Returns a stream, which closes the file at its end. */
  read({ file, ref, range: { start, end }, onDamage }: BlobSource): ReadableStream<Uint8Array> {
    const isHashed = end - start === ref.bytes && ref.bytes <= MAX_HASHED_BYTES;
    const hash = isHashed ? createHash("sha256") : undefined;
    let left = end - start;
    let isReading = false;
    let failure: Error | undefined;
    const close = (): void => {
      if (!this.#open.delete(stop)) return;
      file.close();
    };
    const stop = (): void => {
      failure = closed();
      if (!isReading) close();
    };
    this.#open.add(stop);
    const next = async (): Promise<Uint8Array<ArrayBuffer>> => {
      const chunk = new Uint8Array(Math.min(left, SLICE_BYTES));
      const count = await file.read(chunk);
      if (count === null) return await fail("it was cut off while it was read");
      left -= count;
      const part = chunk.subarray(0, count);
      hash?.update(part);
      if (left === 0 && hash !== undefined && hash.digest("hex") !== ref.sha256) {
        return await fail("its bytes are not those that were written");
      }
      return part;
    };
    const fail = async (problem: string): Promise<never> => {
      await onDamage(problem);
      throw new SnakedenError("store_failed", `Cannot read the blob ${ref.sha256}: ${problem}`);
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (left > 0) return;
        close();
        controller.close();
      },
      pull: async (controller) => {
        if (failure !== undefined) throw failure;
        isReading = true;
        try {
          const part = await next();
          if (failure !== undefined) throw failure;
          controller.enqueue(part);
          if (left === 0) controller.close();
        } catch (error) {
          left = 0;
          throw error;
        } finally {
          isReading = false;
          if (left === 0 || failure !== undefined) close();
        }
      },
      cancel: () => {
        failure ??= closed();
        if (!isReading) close();
      },
    });
  }

  /** Ends all streams with `shutting_down`. */
  close(): void {
    for (const stop of this.#open) stop();
  }
}

function closed(): SnakedenError {
  return new SnakedenError("shutting_down", "Cannot read a blob: the store is closed");
}
