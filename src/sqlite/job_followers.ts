import type {
  AcceptedWork,
  JobEventOrReset,
  LogPartOrReset,
  OutputsOptions,
  StoredOutput,
} from "../store/mod.ts";
import type { JobWatchers } from "./job_watchers.ts";
import type { ReadOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";

/** Dependencies of {@link JobFollowers}. */
export interface JobFollowersDeps {
  readonly reader: StoreThread<ReadOps>;
  readonly accepted: AcceptedWork;
  readonly watchers: JobWatchers;
}

/**
 * The parts of a message that the pages take, so that few come at once: with many followers, one
 * message with all of their pages would hold the event loop while it is read.
 */
const EVENT_PAGE = { weight: 25 } as const;
const LOG_PAGE = { weight: 125 } as const;
const OUTPUT_PAGE = { weight: 500 } as const;

/** A page of what a job has written. */
interface Page {
  readonly hasMore: boolean;
  /** True if nothing can follow any more. */
  readonly isOver: boolean;
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
    const { reader, accepted } = this.#deps;
    let last = after;
    const read = () =>
      accepted.run(
        "read the events of a job",
        () => reader.call("events", { id, after: last }, EVENT_PAGE),
      );
    for await (const { events } of this.#pages(id, read, { signal, follow: true })) {
      for (const event of events) {
        last = event.seq;
        yield event;
      }
    }
  }

  /** Yields the log of a job, as {@link JobLogs.logs} describes. */
  async *logs(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncGenerator<LogPartOrReset> {
    const { reader, accepted } = this.#deps;
    let last = after;
    const read = () =>
      accepted.run(
        "read the log of a job",
        () => reader.call("logs", { id, after: last }, LOG_PAGE),
      );
    for await (const { isReset, parts } of this.#pages(id, read, options)) {
      if (isReset) {
        last = 0;
        yield { kind: "reset" };
      }
      for (const part of parts) {
        options.signal.throwIfAborted();
        last = part.first + part.lines - 1;
        yield { kind: "lines", part };
      }
    }
  }

  /** Yields the outputs of a job, as {@link JobOutputs.outputs} describes. */
  async *outputs(id: string, after: number, options: OutputsOptions): AsyncGenerator<StoredOutput> {
    const { reader, accepted } = this.#deps;
    let last = after;
    const read = () =>
      accepted.run(
        "read the outputs of a job",
        () => reader.call("outputs", { id, after: last }, OUTPUT_PAGE),
      );
    for await (const { parts } of this.#pages(id, read, options)) {
      for (const part of parts) {
        options.signal.throwIfAborted();
        last = part.seq;
        yield part;
      }
    }
  }

  /** Yields pages until nothing is left, or with `follow` until nothing can follow. */
  async *#pages<P extends Page>(
    id: string,
    read: () => Promise<P>,
    { signal, follow }: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncGenerator<P> {
    while (true) {
      signal.throwIfAborted();
      // Before the read, so that nothing between the read and the wait is missed.
      const watch = this.#deps.watchers.watch(id, signal);
      try {
        const page = await read();
        yield page;
        if (page.isOver || !(page.hasMore || follow)) return;
        if (!page.hasMore) await watch.woken;
      } finally {
        watch.stop();
      }
    }
  }
}
