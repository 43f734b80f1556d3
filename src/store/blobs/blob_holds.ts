import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { KeyedQueue } from "../keyed_queue.ts";
import type { BlobRef, HeldBlob } from "./blobs.ts";

/**
 * The holds on blobs. All that makes a blob appear or go runs here, one after the other for each
 * hash, so that a removal never meets a write of the same bytes.
 */
export class BlobHolds {
  readonly #remove: (sha256: string) => Promise<void>;
  readonly #turns = new KeyedQueue();
  readonly #counts = new Map<string, number>();
  /** Removals that a hold has put off. */
  readonly #later = new Map<string, () => Promise<boolean>>();

  /** Removes blobs with `remove`, which does nothing for one that is missing. */
  constructor(remove: (sha256: string) => Promise<void>) {
    this.#remove = remove;
  }

  /** Runs `put`, after which the blob must be there, and returns a hold on it. */
  hold(ref: BlobRef, put: () => Promise<void>): Promise<HeldBlob> {
    return this.#turns.run(ref.sha256, async () => {
      await put();
      return this.#held(ref);
    });
  }

  /** Runs work that must meet neither a write nor a removal of a blob. */
  alone<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(sha256, work);
  }

  /** Removes a blob, as {@link Blobs.remove} describes. */
  remove(sha256: string, isNamed: () => Promise<boolean>): Promise<boolean> {
    return this.#turns.run(sha256, async () => {
      if (this.#counts.has(sha256)) {
        this.#later.set(sha256, isNamed);
        return false;
      }
      if (await isNamed()) return false;
      await this.#remove(sha256);
      return true;
    });
  }

  #held({ sha256, bytes }: BlobRef): HeldBlob {
    this.#counts.set(sha256, (this.#counts.get(sha256) ?? 0) + 1);
    let isHeld = true;
    return {
      sha256,
      bytes,
      [Symbol.dispose]: () => {
        if (isHeld) this.#release(sha256);
        isHeld = false;
      },
    };
  }

  #release(sha256: string): void {
    const count = (this.#counts.get(sha256) ?? 1) - 1;
    if (count > 0) {
      this.#counts.set(sha256, count);
      return;
    }
    this.#counts.delete(sha256);
    const isNamed = this.#later.get(sha256);
    if (isNamed === undefined) return;
    this.#later.delete(sha256);
    // A blob that stays has no name; the next start finds it.
    this.remove(sha256, isNamed).catch((error) =>
      getLogger("store").debug("blob {sha256} stays until the next start: {problem}", {
        sha256,
        problem: messageOf(error),
      })
    );
  }
}
