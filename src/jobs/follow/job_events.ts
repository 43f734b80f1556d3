import { Condition } from "../../async/mod.ts";
import type { JobEventOrReset, JobState } from "../../store/mod.ts";
import type { Job, JobEvent, JobEventsOptions } from "../job.ts";
import type { JobFeed } from "../job_feed.ts";

/** Dependencies of {@link jobEvents}. */
export interface JobEventsDeps {
  readonly feed: JobFeed;
  /** Returns the job as it is shown outside; throws `unknown_job` if there is none. */
  readonly get: (id: string) => Promise<Job>;
  /** Does the same, but returns undefined if there is none. */
  readonly find: (id: string) => Promise<Job | undefined>;
  readonly stored: (
    id: string,
    after: number,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<JobEventOrReset>;
  /** Returns a stored chunk, decoded. */
  readonly decode: (body: Uint8Array<ArrayBuffer>) => unknown;
}

/**
 * Yields the events of a job: its state at first, then what is stored, and what this host hears of
 * it meanwhile. Of news that come faster than they are read, the last counts.
 *
 * @throws {SnakedenError} `unknown_job`, also if the job is removed meanwhile; the reason of the
 * signal if it aborts.
 */
export async function* jobEvents(
  id: string,
  { deps, options }: { readonly deps: JobEventsDeps; readonly options: JobEventsOptions },
): AsyncGenerator<JobEvent, void, undefined> {
  const { after = 0, signal } = options;
  const arrived = new Condition();
  // Listens before it reads the job, so that no change is missed in between.
  using news = new LatestNews(deps.feed, { id, arrived });
  const first = await deps.get(id);
  const ending = new AbortController();
  const own = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
  const stored = new NextItem(deps.stored(id, after, { signal: own }), arrived);
  try {
    yield { type: "state", job: first };
    while (true) {
      await arrived.until(() => news.isThere || stored.isThere);
      if (!stored.isThere) {
        yield* await freshNews(news.take(), id, deps);
        continue;
      }
      const item = stored.take();
      if (item.done === true) {
        // Nothing is stored behind the end that the reader has seen, or the job was removed.
        await deps.get(id);
        return;
      }
      yield* newsBefore(news, item.value);
      yield await shownEvent(item.value, id, deps);
      stored.read();
    }
  } finally {
    ending.abort();
    stored.close();
  }
}

/** A report of progress goes before the end that follows it. */
function* newsBefore(news: LatestNews, event: JobEventOrReset): Generator<JobEvent> {
  if (event.kind !== "end") return;
  const { progress } = news.take();
  if (progress !== undefined) yield { type: "progress", progress: progress.value };
}

async function freshNews(taken: Taken, id: string, deps: JobEventsDeps): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  if (taken.progress !== undefined) {
    events.push({ type: "progress", progress: taken.progress.value });
  }
  if (taken.state !== undefined) {
    const job = await deps.find(id);
    // The end has an event of its own.
    if (job !== undefined && !job.done) events.push({ type: "state", job });
  }
  return events;
}

async function shownEvent(
  event: JobEventOrReset,
  id: string,
  { get, decode }: JobEventsDeps,
): Promise<JobEvent> {
  switch (event.kind) {
    case "reset":
      return { type: "reset", id: event.seq };
    case "chunk":
      return { type: "chunk", id: event.seq, run: event.run, value: decode(event.body) };
    case "end":
      return { type: "end", id: event.seq, job: await get(id) };
  }
}

interface Taken {
  readonly state: JobState | undefined;
  readonly progress: { readonly value: unknown } | undefined;
}

/** The last news of a job that nobody has taken yet. */
class LatestNews implements Disposable {
  #state: JobState | undefined;
  #progress: { readonly value: unknown } | undefined;
  readonly #end: () => void;

  constructor(
    feed: JobFeed,
    { id, arrived }: { readonly id: string; readonly arrived: Condition },
  ) {
    this.#end = feed.on(id, (news) => {
      if (news.type === "state") this.#state = news.state;
      else if (news.type === "progress") this.#progress = { value: news.progress };
      arrived.notify();
    });
  }

  get isThere(): boolean {
    return this.#state !== undefined || this.#progress !== undefined;
  }

  take(): Taken {
    const taken = { state: this.#state, progress: this.#progress };
    this.#state = this.#progress = undefined;
    return taken;
  }

  [Symbol.dispose](): void {
    this.#end();
  }
}

/** The next item of an iterable, which is read when it is asked for. */
class NextItem<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #arrived: Condition;
  #read: { readonly item: IteratorResult<T> } | { readonly error: unknown } | undefined;

  constructor(iterable: AsyncIterable<T>, arrived: Condition) {
    this.#iterator = iterable[Symbol.asyncIterator]();
    this.#arrived = arrived;
    this.read();
  }

  get isThere(): boolean {
    return this.#read !== undefined;
  }

  /** Begins to read the next item. */
  read(): void {
    this.#iterator.next()
      .then((item) => this.#read = { item }, (error) => this.#read = { error })
      .finally(() => this.#arrived.notify());
  }

  /** Returns the item that was read, or throws the error of the iterable. */
  take(): IteratorResult<T> {
    const read = this.#read;
    this.#read = undefined;
    if (read === undefined) throw new TypeError("there is no item yet");
    if ("error" in read) throw read.error;
    return read.item;
  }

  /** Ends the iterable. Does not wait for it: its signal has ended what it waits for. */
  close(): void {
    this.#iterator.return?.().catch(() => {});
  }
}
