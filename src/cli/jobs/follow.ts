import { type DenJobs, type Job, type JobEvent, valueToJson } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  Interrupted,
  writeDocument,
  writeJsonLine,
} from "../command/mod.ts";
import {
  durationText,
  ProgressEstimate,
  progressFacts,
  progressLine,
  safeJson,
  safeLine,
  safeText,
} from "../terminal/mod.ts";
import { jobJson, stateStyle } from "./job_rows.ts";

/** The jobs of a client, or of a handle that stays with its host. */
export type FollowedJobs = Pick<DenJobs, "events" | "wait" | "result" | "results">;

/** The time within which the job has not ended. */
class WaitTimeout extends Error {
  override readonly name = "WaitTimeout";
}

/** The lines of a batch that are written at once. */
const LINES_A_WRITE = 256;

/** Options of {@link followJob}. */
export interface FollowOptions {
  readonly jobs: FollowedJobs;
  readonly context: Context;
  /** The longest time to wait, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** True to write chunks while they come. */
  readonly isLive?: boolean;
  /** Stands before the state in the line of progress. */
  readonly label?: string;
  /** True if the JSON of several jobs is written, one a line. */
  readonly isOneOfSeveral?: boolean;
}

/**
 * Waits for the end of a job, shows its progress on a terminal, and writes its result. Returns the
 * exit status that its end means. After Ctrl-C the job goes on, and so it does when the time is up.
 */
export async function followJob(id: string, options: FollowOptions): Promise<ExitStatus> {
  const { context, timeoutMs } = options;
  const { output, signal } = context;
  const late = new AbortController();
  const timer = timeoutMs === undefined
    ? undefined
    : setTimeout(() => late.abort(new WaitTimeout()), timeoutMs);
  try {
    const follower = new Follower(id, options, AbortSignal.any([signal, late.signal]));
    return await follower.run();
  } catch (error) {
    if (error instanceof WaitTimeout) {
      await output.note(
        `The job ${safeLine(id)} has not ended within ${
          durationText(timeoutMs ?? 0)
        }, and goes on.`,
      );
      return EXIT.deadline;
    }
    if (error instanceof Interrupted) {
      await output.note(
        `The job ${safeLine(id)} goes on. \`deno task job wait ${safeLine(id)}\` waits for it ` +
          `again, \`deno task job cancel ${safeLine(id)}\` cancels it.`,
      );
      return EXIT.interrupted;
    }
    throw error;
  } finally {
    clearTimeout(timer);
    await output.clearProgress();
  }
}

class Follower {
  readonly #id: string;
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  readonly #estimate = new ProgressEstimate();
  #chunks = 0;

  constructor(id: string, options: FollowOptions, signal: AbortSignal) {
    this.#id = id;
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<ExitStatus> {
    const { jobs, context, isLive = false } = this.#options;
    const signal = this.#signal;
    // Whoever sees neither progress nor chunks needs no events.
    if (!isLive && !context.output.hasProgress) {
      return await this.#end(await jobs.wait(this.#id, { signal }));
    }
    let last: Job | undefined;
    for await (const event of jobs.events(this.#id, { signal })) {
      if (event.type === "state" || event.type === "end") last = event.job;
      await this.#show(event, last);
      if (event.type === "end") return await this.#end(event.job);
    }
    return await this.#end(await jobs.wait(this.#id, { signal }));
  }

  async #show(event: JobEvent, job: Job | undefined): Promise<void> {
    const { context, isLive = false, label = "" } = this.#options;
    const { output, isJson, isQuiet, io } = context;
    if (isLive && isJson) return await writeJsonLine(context, eventJson(event));
    if (isLive && event.type === "chunk" && !isQuiet) {
      this.#chunks++;
      await writeJsonLine(context, valueToJson(event.value));
    }
    if (isLive && event.type === "reset") {
      await output.note("Some chunks are no longer kept, and are missing here.");
    }
    if (job === undefined || event.type === "end") return;
    const report = event.type === "progress" ? event.progress : job.progress;
    const state = job.waitingFor === undefined
      ? job.state
      : `${job.state}: ${job.waitingFor.detail}`;
    if (event.type === "state" && isLive && !output.hasProgress) {
      return await output.note(safeLine(state));
    }
    const facts = job.state === "running" && report !== undefined
      ? this.#estimate.with(progressFacts(report), io.now())
      : {};
    await output.progress((columns) => progressLine(`${label}${state}`, facts, columns));
  }

  /** Writes the result or the error of a job that has ended. */
  async #end(job: Job): Promise<ExitStatus> {
    const { context, jobs, isLive = false, isOneOfSeveral = false } = this.#options;
    const { isJson, isQuiet, output } = context;
    const isCompleted = job.state === "completed";
    if (isJson && !isLive) {
      await (isOneOfSeveral ? writeJsonLine : writeDocument)(context, jobJson(job));
    }
    if (isCompleted && !isJson && !isQuiet && job.kind === "batch") {
      await this.#writeItems(job.id);
    } else if (isCompleted && !isJson && !isQuiet && this.#chunks === 0) {
      const result = "result" in job ? job.result : await jobs.result(job.id);
      await output.line(safeJson(valueToJson(result)));
    }
    if (!isCompleted) await output.note(endText(job, context));
    return isCompleted ? EXIT.ok : EXIT.failed;
  }

  /** Writes the results of a batch, one item a line. */
  async #writeItems(id: string): Promise<void> {
    const { context: { output }, jobs } = this.#options;
    let lines: string[] = [];
    for await (const item of jobs.results(id, { follow: false, signal: this.#signal })) {
      const shown = "result" in item ? { ...item, result: valueToJson(item.result) } : item;
      if (lines.push(safeJson(shown)) < LINES_A_WRITE) continue;
      await output.lines(lines);
      lines = [];
    }
    await output.lines(lines);
  }
}

function endText(
  { id, state, attempt, error, cancelReason = "" }: Job,
  { output }: Context,
): string {
  const paint = output.paintNote;
  const tries = attempt > 1 ? ` after ${attempt} attempts` : "";
  const head = `The job ${safeLine(id)} is ${paint(stateStyle(state), safeLine(state))}${tries}`;
  if (state === "cancelled") {
    return cancelReason === "" ? `${head}.` : `${head}: ${safeLine(cancelReason)}`;
  }
  if (error === undefined) return `${head}.`;
  return `${head}: ${safeText(error.message)}\n  code: ${safeLine(error.code)}`;
}

function eventJson(event: JobEvent): unknown {
  switch (event.type) {
    case "state":
    case "end":
      return { ...event, job: jobJson(event.job) };
    case "chunk":
      return { ...event, value: valueToJson(event.value) };
    default:
      return event;
  }
}
