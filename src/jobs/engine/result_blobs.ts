import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { Blobs, HeldBlob, JobStore } from "../../store/mod.ts";

/** Results that are longer are kept as blobs: their bytes would hold up the commits of others. */
const MAX_ROW_BYTES = 256 * 1024;

/** Dependencies of {@link ResultBlobs}. */
export interface ResultBlobsDeps {
  readonly store: Pick<JobStore, "areNamed">;
  readonly blobs: Blobs;
}

/** The blobs of long results, and the removal of those that nothing names. */
export class ResultBlobs {
  readonly #deps: ResultBlobsDeps;
  #hasFailed = false;

  constructor(deps: ResultBlobsDeps) {
    this.#deps = deps;
  }

  /** Returns true for a result that is kept as a blob. */
  isLong(result: Uint8Array): boolean {
    return result.byteLength > MAX_ROW_BYTES;
  }

  /**
   * Writes a long result. Returns undefined if it cannot be written: the store of jobs keeps the
   * bytes then.
   */
  async write(result: Uint8Array): Promise<HeldBlob | undefined> {
    try {
      await using writer = await this.#deps.blobs.create();
      await writer.write(result);
      return await writer.finish();
    } catch (error) {
      getLogger("jobs").warn("a result of {bytes} bytes is kept with its job: {problem}", {
        bytes: result.byteLength,
        problem: messageOf(error),
      });
      return undefined;
    }
  }

  /** Removes blobs that have lost their last name, unless they have one again. Never rejects. */
  async remove(sha256s: readonly string[]): Promise<void> {
    const { store, blobs } = this.#deps;
    for (const sha256 of sha256s) {
      try {
        await blobs.remove(sha256, async () => (await store.areNamed([sha256]))[0] ?? true);
        this.#hasFailed = false;
      } catch (error) {
        if (this.#hasFailed) continue;
        this.#hasFailed = true;
        getLogger("jobs").warn("a blob that is not used stays until the next start: {problem}", {
          sha256,
          problem: messageOf(error),
        });
      }
    }
  }

  /** Ends the hold on a blob that got no name, and removes it. Never rejects. */
  async drop(blob: HeldBlob): Promise<void> {
    blob[Symbol.dispose]();
    await this.remove([blob.sha256]);
  }

  /**
   * Removes blobs without a name that were written at least `ageMs` ago: a host that has died has
   * left them. Never rejects.
   */
  async scan(
    { ageMs, signal }: { readonly ageMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    let found: string[] = [];
    let count = 0;
    const look = async (): Promise<void> => {
      const named = await this.#deps.store.areNamed(found);
      const unused = found.filter((_, i) => named[i] === false);
      found = [];
      count += unused.length;
      await this.remove(unused);
    };
    try {
      for await (const { sha256, writtenAt } of this.#deps.blobs.list()) {
        if (signal.aborted) return;
        if (Date.now() - writtenAt < ageMs) continue;
        if (found.push(sha256) === SCANNED_AT_ONCE) await look();
      }
      await look();
    } catch (error) {
      if (signal.aborted) return;
      getLogger("jobs").warn("cannot look for blobs that are not used: {problem}", {
        problem: messageOf(error),
      });
    }
    if (count > 0) getLogger("jobs").info("removed {count} blobs without a name", { count });
  }
}

const SCANNED_AT_ONCE = 500;
