import type { AcceptedWork, JobEventOrReset, LogPartOrReset } from "../store/mod.ts";
import type { JobWatchers } from "./job_watchers.ts";
import type { ReadOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";

/** Dependencies of {@link JobFollowers}. */
export interface JobFollowersDeps {
  readonly reader: StoreThread<ReadOps>;
  readonly accepted: AcceptedWork;
  readonly watchers: JobWatchers;
}

/** Reads what jobs have written, a page at a time, and waits for more. */
export class JobFollowers {
  readonly #deps: JobFollowersDeps;

  constructor(deps: JobFollowersDeps) {
    this.#deps = deps;
  }

  /** Yields the events of a job, as {@link JobStore.events} describes. */
  async *events(
    id: string,
    after: number,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<JobEventOrReset> {
    const { reader, accepted, watchers } = this.#deps;
    let last = after;
    while (true) {
      signal.throwIfAborted();
      // Before the read, so that no event between the read and the wait is missed.
      const watch = watchers.watch(id, signal);
      try {
        const ask = { id, after: last };
        const page = await accepted.run(
          "read the events of a job",
          () => reader.call("events", ask),
        );
        for (const event of page.events) {
          last = event.seq;
          yield event;
        }
        if (page.isOver) return;
        if (!page.hasMore) await watch.woken;
      } finally {
        watch.stop();
      }
    }
  }

  /** Yields the log of a job, as {@link JobLogs.logs} describes. */
  async *logs(
    id: string,
    after: number,
    { signal, follow }: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncGenerator<LogPartOrReset> {
    const { reader, accepted, watchers } = this.#deps;
    let last = after;
    while (true) {
      signal.throwIfAborted();
      const watch = watchers.watch(id, signal);
      try {
        const ask = { id, after: last };
        const page = await accepted.run("read the log of a job", () => reader.call("logs", ask));
        if (page.isReset) {
          last = 0;
          yield { kind: "reset" };
        }
        for (const part of page.parts) {
          signal.throwIfAborted();
          last = part.first + part.lines - 1;
          yield { kind: "lines", part };
        }
        if (page.isOver || !(page.hasMore || follow)) return;
        if (!page.hasMore) await watch.woken;
      } finally {
        watch.stop();
      }
    }
  }
}
