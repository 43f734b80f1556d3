import {
  type DenJobs,
  type Job,
  type JobEvent,
  SnakedenError,
  valueToJson,
} from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  Interrupted,
  type ResultTarget,
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
import { logText } from "./log_text.ts";
import { pumped, SideWork } from "./side_work.ts";

/** The jobs of a client, or of a handle that stays with its host. */
export type FollowedJobs = Pick<DenJobs, "events" | "wait" | "result" | "results" | "logs">;

/** The time within which the job has not ended. */
class WaitTimeout extends Error {
  override readonly name = "WaitTimeout";
}

/** Options of {@link followJob}. */
export interface FollowOptions {
  readonly jobs: FollowedJobs;
  readonly context: Context;
  /** The longest time to wait, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** The place of results. */
  readonly results: ResultTarget;
  /** True to write chunks, and the results of a batch, while they come. */
  readonly isLive?: boolean;
  /** True to write the lines of its log while they come, for people. */
  readonly hasLog?: boolean;
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
  readonly #side: SideWork;
  readonly #estimate = new ProgressEstimate();
  #hasResults = false;

  constructor(id: string, options: FollowOptions, signal: AbortSignal) {
    this.#id = id;
    this.#options = options;
    this.#side = new SideWork(signal);
  }

  async run(): Promise<ExitStatus> {
    const { context, hasLog = false } = this.#options;
    await using side = this.#side;
    if (hasLog) {
      side.start((signal) => pumped(this.#logTexts(signal), { write: this.#writeLog }));
    }
    const job = await this.#ended();
    await side.finished();
    await context.output.clearProgress();
    return await this.#end(job);
  }

  /** Waits for the end of the job, and shows what comes until then. */
  async #ended(): Promise<Job> {
    const { jobs, context, isLive = false } = this.#options;
    const { signal } = this.#side;
    // Whoever sees neither progress nor chunks needs no events.
    if (!isLive && !context.output.hasProgress) return await jobs.wait(this.#id, { signal });
    let last: Job | undefined;
    for await (const event of jobs.events(this.#id, { signal })) {
      if (event.type === "state" || event.type === "end") last = event.job;
      this.#followItems(last);
      await this.#show(event, last);
      if (event.type === "end") return event.job;
    }
    return await jobs.wait(this.#id, { signal });
  }

  /** Begins to write the results of a batch while they come. */
  #followItems(job: Job | undefined): void {
    const { isLive = false, context: { isJson } } = this.#options;
    if (this.#hasResults || !isLive || isJson || job?.kind !== "batch") return;
    this.#hasResults = true;
    this.#side.start((signal) => this.#writeItems(signal, { follow: true }));
  }

  async #show(event: JobEvent, job: Job | undefined): Promise<void> {
    const { context, isLive = false, label = "", results } = this.#options;
    const { output, isJson, io } = context;
    if (isLive && isJson) return await output.linesAbove([safeJson(eventJson(event))], "data");
    if (isLive && event.type === "chunk" && this.#writesResults) {
      this.#hasResults = true;
      await results.lines([safeJson(valueToJson(event.value))]);
    }
    if (isLive && event.type === "reset") {
      const text = "Some chunks are no longer kept, and are missing here.";
      await output.linesAbove([text], "notes");
    }
    if (job === undefined || event.type === "end") return;
    const report = event.type === "progress" ? event.progress : job.progress;
    const state = job.waitingFor === undefined
      ? job.state
      : `${job.state}: ${job.waitingFor.detail}`;
    if (event.type === "state" && isLive && !output.hasProgress) {
      return await output.linesAbove([safeLine(state)], "notes");
    }
    const facts = job.state === "running" && report !== undefined
      ? this.#estimate.with(progressFacts(report), io.now())
      : {};
    await output.progress((columns) => progressLine(`${label}${state}`, facts, columns));
  }

  /** True if results are written as they are, and not as a part of a document. */
  get #writesResults(): boolean {
    const { context: { isJson, isQuiet }, results } = this.#options;
    return !isJson && (!isQuiet || results.isFile);
  }

  /** Writes the result or the error of a job that has ended. */
  async #end(job: Job): Promise<ExitStatus> {
    const { context, jobs, results, isLive = false, isOneOfSeveral = false } = this.#options;
    const { isJson, output } = context;
    const isCompleted = job.state === "completed";
    if (isJson && !isLive) {
      await (isOneOfSeveral ? writeJsonLine : writeDocument)(context, jobJson(job));
    }
    if (isCompleted && this.#writesResults && !this.#hasResults) {
      if (job.kind === "batch") await this.#writeItems(this.#side.signal, { follow: false });
      else {
        const result = "result" in job ? job.result : await jobs.result(job.id);
        await results.lines([safeJson(valueToJson(result))]);
      }
    }
    if (!isCompleted) await output.note(endText(job, context));
    return isCompleted ? EXIT.ok : EXIT.failed;
  }

  /** Writes the results of a batch, one item a line. */
  async #writeItems(signal: AbortSignal, { follow }: { readonly follow: boolean }): Promise<void> {
    if (!this.#writesResults) return;
    const { jobs, results } = this.#options;
    const texts = async function* (id: string): AsyncGenerator<string, void, undefined> {
      for await (const item of jobs.results(id, { follow, signal })) {
        yield safeJson("result" in item ? { ...item, result: valueToJson(item.result) } : item);
      }
    };
    try {
      await pumped(texts(this.#id), { write: (lines) => results.lines(lines) });
    } catch (error) {
      // That the batch has not completed is said at its end.
      if (!(error instanceof SnakedenError) || !await this.#hasFailed()) throw error;
    }
  }

  async #hasFailed(): Promise<boolean> {
    const { done, state } = await this.#options.jobs.wait(this.#id, { signal: this.#side.signal });
    return done && state !== "completed";
  }

  async *#logTexts(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { jobs, context: { output } } = this.#options;
    for await (const line of jobs.logs(this.#id, { signal })) {
      yield this.#hasJsonLog ? safeJson({ type: "log", ...line }) : logText(line, output.paintNote);
    }
  }

  /** True if the lines of the log are among the events. */
  get #hasJsonLog(): boolean {
    const { isLive = false, context: { isJson } } = this.#options;
    return isLive && isJson;
  }

  readonly #writeLog = (texts: readonly string[]): Promise<void> =>
    this.#options.context.output.linesAbove(texts, this.#hasJsonLog ? "data" : "notes");
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
