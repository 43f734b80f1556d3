import type { JobChoice, JobPage, Snakeden } from "snakeden";
import { jobCursor, type JobFilter } from "../../src/store/mod.ts";
import { LoopProbe } from "../loop_probe.ts";
import { type Figures, quantile } from "../measure.ts";

const LIMIT = 100;
/** The choices of which pages are read, and the filters of their cursors. */
const CHOICES: readonly (readonly [JobChoice, JobFilter])[] = [
  [{}, {}],
  [{ state: "completed" }, { states: ["completed"] }],
  [{ queue: "default", state: "completed" }, { queues: ["default"], states: ["completed"] }],
  [{ tool: "noop" }, { names: ["noop"] }],
];

/**
 * Reads first pages, pages by the cursors of random jobs, and counts, in turn. Each page is one of
 * four choices of jobs, which all match.
 */
export async function readLists(
  jobs: Snakeden["jobs"],
  queues: Snakeden["queues"],
  { jobs: count, durationMs }: { readonly jobs: number; readonly durationMs: number },
): Promise<Figures> {
  const first: number[] = [];
  const further: number[] = [];
  const counts: number[] = [];
  using probe = new LoopProbe();
  for (const until = performance.now() + durationMs; performance.now() < until;) {
    for (const [choice, filter] of CHOICES) {
      const seq = LIMIT + 1 + Math.floor(Math.random() * (count - LIMIT));
      const cursor = jobCursor("list", filter, seq);
      first.push(await timeOfPage(() => jobs.list(choice, { limit: LIMIT })));
      further.push(await timeOfPage(() => jobs.list(choice, { limit: LIMIT, cursor })));
      const before = performance.now();
      const [queue] = await queues.list();
      counts.push(performance.now() - before);
      if (queue?.counts.completed !== count) throw new Error("wrong counts");
    }
  }
  return {
    ...quantiles("first", first),
    ...quantiles("further", further),
    ...quantiles("counts", counts),
    heldMs: probe.longestMs,
  };
}

async function timeOfPage(read: () => Promise<JobPage>): Promise<number> {
  const before = performance.now();
  const { items } = await read();
  const ms = performance.now() - before;
  if (items.length !== LIMIT) throw new Error(`a page of ${items.length} jobs`);
  return ms;
}

function quantiles(name: string, times: readonly number[]): Figures {
  const sorted = Float64Array.from(times).sort();
  return { [`${name}P50Ms`]: quantile(sorted, 0.5), [`${name}P99Ms`]: quantile(sorted, 0.99) };
}
