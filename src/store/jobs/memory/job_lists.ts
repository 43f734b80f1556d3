import { nextTurn } from "../../../async/mod.ts";
import type { JobCount, JobFilter } from "../job_filter.ts";
import { JOB_STATES, type JobError, type JobState } from "../job_row.ts";
import { errorWords, matchesSearch, type SearchWord, searchWords } from "../job_search.ts";
import { SortedRows } from "./sorted_rows.ts";
import type { StoredJob } from "./stored_job.ts";

/** The rows that a search looks at in one turn of the event loop. */
const LOOKED_AT_A_TURN = 5_000;
/** The rows that are read at once from one list. */
const READ = 64;

/** All jobs by queue and state, the last submitted first. */
export class JobLists {
  readonly #lists = new Map<string, Map<JobState, SortedRows<StoredJob>>>();

  add(job: StoredJob): void {
    const states = this.#lists.get(job.queue) ?? new Map<JobState, SortedRows<StoredJob>>();
    const rows = states.get(job.state) ?? new SortedRows<StoredJob>((a, b) => b.seq - a.seq);
    rows.add(job);
    this.#lists.set(job.queue, states.set(job.state, rows));
  }

  delete(job: StoredJob): void {
    const states = this.#lists.get(job.queue);
    states?.get(job.state)?.delete(job);
    for (const rows of states?.values() ?? []) if (rows.size > 0) return;
    this.#lists.delete(job.queue);
  }

  count(queue: string, state: JobState): number {
    return this.#lists.get(queue)?.get(state)?.size ?? 0;
  }

  /** Returns true if a queue has jobs. */
  has(queue: string): boolean {
    return this.#lists.has(queue);
  }

  /** Returns the names of the queues that have jobs. */
  queues(): string[] {
    return [...this.#lists.keys()];
  }

  counts(): JobCount[] {
    return this.queues().sort().flatMap((queue) =>
      JOB_STATES.flatMap((state) => {
        const count = this.count(queue, state);
        return count === 0 ? [] : [{ queue, state, count }];
      })
    );
  }

  /**
   * Returns up to `limit` jobs of a filter with a `seq` below `before`. Takes many turns of the
   * event loop if few of many jobs match.
   */
  async find(filter: JobFilter, before: number, limit: number): Promise<StoredJob[]> {
    const found: StoredJob[] = [];
    for (let at = before;;) {
      const { looked, next } = this.#look(filter, at, (job) => found.push(job) < limit);
      if (next === undefined || found.length >= limit) return found;
      at = next;
      if (looked >= LOOKED_AT_A_TURN) await nextTurn();
    }
  }

  /**
   * Gives jobs of a filter to `take` until that returns false. Returns the place to go on, unless
   * there are no more.
   */
  #look(
    filter: JobFilter,
    before: number,
    take: (job: StoredJob) => boolean,
  ): { readonly looked: number; readonly next?: number } {
    const { createdBefore = Infinity, createdFrom = -Infinity, text } = filter;
    const words = text === undefined ? [] : searchWords(text);
    // Times never fall from one submission to the next.
    const isBehind = (job: StoredJob): boolean => job.seq < before && job.createdAt < createdBefore;
    const sources = this.#sources(filter).map((rows) => new Source(rows, isBehind));
    let last = before;
    for (let looked = 0; looked < LOOKED_AT_A_TURN; looked++) {
      const source = latestOf(sources);
      const job = source?.next();
      if (job === undefined || job.createdAt < createdFrom) return { looked };
      last = job.seq;
      if (matches(job, filter, words) && !take(job)) return { looked, next: last };
    }
    return { looked: LOOKED_AT_A_TURN, next: last };
  }

  #sources({ queues, states }: JobFilter): SortedRows<StoredJob>[] {
    const chosen = new Set(queues ?? this.#lists.keys());
    return [...chosen].flatMap((queue) =>
      [...new Set(states ?? JOB_STATES)].flatMap((state) =>
        this.#lists.get(queue)?.get(state) ?? []
      )
    );
  }
}

/** Reads one list, a few rows at once. */
class Source {
  readonly #rows: SortedRows<StoredJob>;
  #isBehind: (job: StoredJob) => boolean;
  #read: readonly StoredJob[] = [];
  #at = 0;

  constructor(rows: SortedRows<StoredJob>, isBehind: (job: StoredJob) => boolean) {
    this.#rows = rows;
    this.#isBehind = isBehind;
    this.#fill();
  }

  get head(): StoredJob | undefined {
    return this.#read[this.#at];
  }

  next(): StoredJob | undefined {
    const job = this.head;
    this.#at++;
    if (job !== undefined && this.#at === this.#read.length && this.#read.length === READ) {
      this.#isBehind = (it) => it.seq < job.seq;
      this.#fill();
    }
    return job;
  }

  #fill(): void {
    this.#read = this.#rows.from(this.#isBehind, READ);
    this.#at = 0;
  }
}

function latestOf(sources: readonly Source[]): Source | undefined {
  let best: Source | undefined;
  for (const source of sources) {
    if (source.head && (best?.head?.seq ?? 0) < source.head.seq) best = source;
  }
  return best;
}

/** Returns true if a job matches the fields of a filter that choose no list. */
function matches(
  job: StoredJob,
  { kinds, names, tags }: JobFilter,
  words: readonly SearchWord[],
): boolean {
  if (kinds && !kinds.includes(job.kind)) return false;
  if (names && !names.includes(job.name)) return false;
  if (tags !== undefined && (tags.length === 0 || !tags.every((it) => job.tags.includes(it)))) {
    return false;
  }
  return words.length === 0 || matchesSearch(words, {
    id: job.id,
    name: job.name,
    tags: job.tags,
    words: () => wordsOf(job.error),
  });
}

/** The words of errors. An error of a stored job never changes. */
const known = new WeakMap<JobError, readonly string[]>();

function wordsOf(error: JobError | undefined): readonly string[] {
  if (error === undefined) return [];
  const words = known.get(error) ?? errorWords(error);
  known.set(error, words);
  return words;
}
