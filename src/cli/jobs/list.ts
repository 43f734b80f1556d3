import type { Job, JobChoice, JobPage } from "../../client/mod.ts";
import { delay } from "../../async/mod.ts";
import { type Context, EXIT, type ExitStatus, UsageError, writeJsonLine } from "../command/mod.ts";
import { safeJson, safeLine } from "../terminal/mod.ts";
import { jobJson, jobRow, jobTable } from "./job_rows.ts";

/** The most jobs of a page. */
const MAX_PAGE = 1_000;

/** Escape codes of terminals (ECMA-48). */
const HOME = "\x1b[H";
const ERASE_LINE = "\x1b[K";
const ERASE_BELOW = "\x1b[J";
const CLEAR = `${HOME}${ERASE_BELOW}`;
/** The rows of a terminal that does not say how many it has. */
const USUAL_ROWS = 24;

/** Options of {@link listJobs}. */
export interface ListFlags {
  readonly limit: number;
  readonly all?: boolean | undefined;
  /** The pause between two looks, in milliseconds; undefined to look once. */
  readonly watchMs?: number | undefined;
}

/** Writes the jobs of a choice, the last submitted first. */
export async function listJobs(
  choice: JobChoice,
  { flags, context }: { readonly flags: ListFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { watchMs } = flags;
  if (watchMs !== undefined && flags.all === true) {
    throw new UsageError("--watch: given beside --all; allowed: one of them");
  }
  if (watchMs !== undefined) {
    return await watchJobs(choice, { limit: flags.limit, watchMs, context });
  }
  const limit = flags.all === true ? Infinity : flags.limit;
  if (context.isJson) await writeDocuments(choice, limit, context);
  else await writeTable(choice, limit, context);
  return EXIT.ok;
}

/** Yields pages until so many jobs have come. */
async function* pagesOf(
  choice: JobChoice,
  limit: number,
  { client, signal }: Context,
): AsyncGenerator<JobPage, void, undefined> {
  let cursor: string | undefined;
  for (let left = limit; left > 0;) {
    signal.throwIfAborted();
    const options = {
      limit: Math.min(left, MAX_PAGE),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const page = await client.jobs.list(choice, options);
    yield page;
    left -= page.items.length;
    cursor = page.cursor;
    if (cursor === undefined) return;
  }
}

async function writeTable(choice: JobChoice, limit: number, context: Context): Promise<void> {
  const { output, io, isQuiet } = context;
  const table = jobTable(context);
  let count = 0;
  let hasMore = false;
  for await (const { items, cursor } of pagesOf(choice, limit, context)) {
    const now = io.now();
    if (isQuiet) await output.lines(items.map(({ id }) => safeLine(id)));
    else if (items.length > 0) await output.lines(table.lines(items.map((it) => jobRow(it, now))));
    count += items.length;
    hasMore = cursor !== undefined;
  }
  if (isQuiet) return;
  if (count === 0) await output.note("No jobs match.");
  else if (hasMore) {
    await output.note(`Only the last ${count} are shown; --limit and --all show more.`);
  }
}

/** Writes one document, while its pages come. */
async function writeDocuments(choice: JobChoice, limit: number, context: Context): Promise<void> {
  const { output } = context;
  let before = '{\n  "jobs": [';
  let last: string | undefined;
  for await (const { items, cursor } of pagesOf(choice, limit, context)) {
    for (const job of items) {
      await output.write(`${before}\n    ${safeJson(jobJson(job))}`);
      before = ",";
    }
    last = cursor;
  }
  const head = before === "," ? "" : before;
  const cursor = last === undefined ? "" : `,\n  "cursor": ${safeJson(last)}`;
  await output.line(`${head}\n  ]${cursor}\n}`);
}

/**
 * Shows the jobs again and again until Ctrl-C: on a terminal in the place of the ones before, else
 * those that have changed.
 */
async function watchJobs(
  choice: JobChoice,
  { limit, watchMs, context }: {
    readonly limit: number;
    readonly watchMs: number;
    readonly context: Context;
  },
): Promise<never> {
  const { client, output, signal, isJson, isQuiet } = context;
  const redraws = output.isTerminal && !isJson && !isQuiet;
  const seen = new Map<string, string>();
  const table = jobTable(context);
  if (redraws) await output.write(CLEAR);
  while (true) {
    const { items } = await client.jobs.list(choice, { limit: Math.min(limit, MAX_PAGE) });
    if (redraws) await redraw(items, context);
    else await appendChanged(items, { seen, table, context });
    await delay(watchMs, signal);
    signal.throwIfAborted();
  }
}

async function redraw(jobs: readonly Job[], context: Context): Promise<void> {
  const { output, io } = context;
  const now = io.now();
  // The last row stays free, since a line break in it would move all others.
  const lines = jobTable(context).lines(jobs.map((it) => jobRow(it, now)))
    .slice(0, Math.max(1, (io.rows() || USUAL_ROWS) - 1));
  const text = lines.map((it) => `${it}${ERASE_LINE}\n`).join("");
  await output.write(`${HOME}${text}${ERASE_BELOW}`);
}

async function appendChanged(
  jobs: readonly Job[],
  { seen, table, context }: {
    readonly seen: Map<string, string>;
    readonly table: ReturnType<typeof jobTable>;
    readonly context: Context;
  },
): Promise<void> {
  const { output, io, isJson, isQuiet } = context;
  const changed = jobs.filter((job) => {
    const text = isQuiet ? job.id : JSON.stringify(job);
    if (seen.get(job.id) === text) return false;
    seen.set(job.id, text);
    return true;
  });
  const ids = new Set(jobs.map(({ id }) => id));
  for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
  if (isJson) { for (const job of changed) await writeJsonLine(context, jobJson(job)); }
  else if (isQuiet) await output.lines(changed.map(({ id }) => safeLine(id)));
  else if (changed.length > 0) {
    const now = io.now();
    await output.lines(table.lines(changed.map((it) => jobRow(it, now))));
  }
}
