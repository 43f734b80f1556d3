import { copiesOf, type NewJob } from "../store/mod.ts";
import type { PackedJobs } from "./messages/mod.ts";
import { packJobs } from "./pack_jobs.ts";

/** Bytes that are copied in one turn of the event loop; more are copied in slices. */
const COPY_BYTES = 1024 * 1024;

/** Packs submissions. They keep their order, also if some are copied in slices. */
export class OrderedPacking {
  /** The end of the last submission whose arguments are copied in slices. */
  #copying: Promise<void> | undefined;

  /** Packs jobs; a promise if that takes more than a turn. */
  pack(jobs: readonly NewJob[]): PackedJobs | Promise<PackedJobs> {
    let bytes = 0;
    for (const it of jobs) bytes += it.args.byteLength;
    const isLong = bytes > COPY_BYTES || this.#copying !== undefined;
    return isLong ? this.#packInSlices(jobs) : packJobs(jobs);
  }

  async #packInSlices(jobs: readonly NewJob[]): Promise<PackedJobs> {
    const before = this.#copying;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#copying = promise;
    try {
      const copies = await copiesOf(jobs.map((it) => it.args));
      await before;
      return packJobs(jobs, copies);
    } finally {
      resolve();
      if (this.#copying === promise) this.#copying = undefined;
    }
  }
}
