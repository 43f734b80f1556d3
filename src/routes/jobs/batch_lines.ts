import type { JobParent } from "../../jobs/mod.ts";
import type { SubmitAnswer } from "../../store/mod.ts";
import type { LinesPart, SubmissionLines, Traffic } from "../calls/mod.ts";
import { type Problem, problemText, type Reader, slicesOf } from "../http/mod.ts";
import type { JobsSlice } from "./jobs_slice.ts";

/** The bytes of answers that may wait for their reader before no further line is read. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** Dependencies of {@link BatchLines}. */
export interface BatchLinesDeps {
  readonly jobs: Pick<JobsSlice, "submitAll">;
  /** The job that submits them. */
  readonly parent?: JobParent | undefined;
  readonly traffic: Pick<Traffic, "answers" | "arguments">;
  readonly problemOf: (error: unknown) => Problem;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Submits jobs in the parts in which their lines arrive, and is the body of the response. While a
 * part is written to the store, the next one is read and parsed. It is submitted afterwards, so
 * that what was submitted is always a beginning of the lines.
 *
 * Many clients read no response before they have sent everything, so lines are read on while
 * answers wait, up to {@link MAX_UNREAD_BYTES}.
 */
export class BatchLines implements UnderlyingDefaultSource<Bytes>, Reader {
  since = 0;
  unreadBytes = 0;
  readonly #lines: SubmissionLines;
  readonly #deps: BatchLinesDeps;
  readonly #encoder = new TextEncoder();
  /** The answers that wait for their reader. */
  #unread: Bytes[] = [];
  #submitted = 0;
  /** The part that is being read. */
  #next: Promise<LinesPart | undefined> = Promise.resolve(undefined);
  /** True once nothing more will be added to what is unread. */
  #ended = false;
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  /** Called when something was added, or there will be no more. */
  #onNews: (() => void) | undefined;
  /** Called when something was taken. */
  #onTaken: (() => void) | undefined;

  constructor(lines: SubmissionLines, deps: BatchLinesDeps) {
    this.#lines = lines;
    this.#deps = deps;
  }

  /**
   * Submits the first part, and begins with the others.
   *
   * @throws {SnakedenError} What the first part is refused with.
   */
  async begin(): Promise<void> {
    try {
      const part = await this.#lines.nextPart();
      if (part === undefined) return this.#end();
      await this.#submit(part);
      void this.#submitOthers();
    } catch (error) {
      await this.#stopReading();
      throw error;
    }
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    while (this.#unread.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onNews = resolve;
      await promise;
    }
    if (this.#left) return;
    const taken = this.#unread.splice(0);
    this.#deps.traffic.answers.end(this);
    for (const bytes of taken) for (const slice of slicesOf([bytes])) controller.enqueue(slice);
    if (taken.length === 0) controller.close();
    this.#onTaken?.();
  }

  async cancel(): Promise<void> {
    this.#left = true;
    this.#unread = [];
    this.#end();
    this.#onTaken?.();
    await this.#stopReading();
  }

  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the response"));
    void this.cancel();
  }

  async #submitOthers(): Promise<void> {
    try {
      let part = await this.#next;
      while (part !== undefined && !this.#left) {
        await this.#submit(part);
        part = await this.#next;
      }
    } catch (error) {
      await this.#stopReading();
      this.#fail(error);
    }
    this.#end();
  }

  /** Submits a part, and reads the next one meanwhile. */
  async #submit({ inputs, bytes }: LinesPart): Promise<void> {
    const { jobs, parent, traffic } = this.#deps;
    using _room = traffic.arguments.hold(bytes);
    const answers = jobs.submitAll(inputs, { first: this.#submitted, parent });
    this.#next = this.#lines.nextPart();
    // An error of the part before it goes first.
    this.#next.catch(() => {});
    const text = answerLines(await answers);
    this.#submitted += inputs.length;
    this.#add(text);
    while (this.unreadBytes > MAX_UNREAD_BYTES && !this.#left) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onTaken = resolve;
      await promise;
    }
  }

  /** @throws {SnakedenError} `server_busy` if too many answers wait for their readers. */
  #add(text: string): void {
    if (this.#left) return;
    const bytes = this.#encoder.encode(text);
    this.#deps.traffic.answers.add(this, bytes.byteLength);
    this.#unread.push(bytes);
    this.#onNews?.();
  }

  #fail(error: unknown): void {
    const problem = problemText(this.#deps.problemOf(error));
    const line = `{"problem":${problem},"submitted":${this.#submitted}}\n`;
    this.#unread.push(this.#encoder.encode(line));
    this.#onNews?.();
  }

  #end(): void {
    this.#ended = true;
    if (this.#left) this.#deps.traffic.answers.end(this);
    this.#onNews?.();
  }

  async #stopReading(): Promise<void> {
    try {
      await this.#lines.cancel();
    } catch {
      // The client has left already.
    }
    // The part that is being read ends, too.
    await Promise.allSettled([this.#next]);
  }
}

/** Returns the JSON of the answer for one job. Ids need no escapes. */
export function answerText({ id, answer }: SubmitAnswer): string {
  return `{"id":"${id}","answer":"${answer}"}`;
}

function answerLines(answers: readonly SubmitAnswer[]): string {
  let text = "";
  for (const answer of answers) text += `${answerText(answer)}\n`;
  return text;
}
