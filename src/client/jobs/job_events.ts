import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import {
  type AnswerFields,
  Bound,
  connectionLost,
  isProblem,
  problemError,
  unexpectedAnswer,
  wrongField,
} from "../http/mod.ts";
import type { JobEvent, JobEventsOptions } from "../shapes/mod.ts";
import { EventReader, type SseEvent } from "../streams/mod.ts";
import { ReceivedValue } from "../values/mod.ts";
import { jobIn, jobOfData, parsed } from "./job_answers.ts";
import { isPassing, type JobRequests } from "./job_requests.ts";
import { MAX_FAILURES } from "./job_wait.ts";

/** The fields of a chunk. */
const CHUNK: AnswerFields = { run: "number", value: "anything" };

/** Yields the events of a job, over as many connections as it takes. */
export async function* jobEvents(
  path: string,
  requests: JobRequests,
  { after = 0, signal }: JobEventsOptions,
): AsyncGenerator<JobEvent, void, undefined> {
  const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
  const events = new Events({ path, requests, after, bound });
  try {
    for (let event = await events.next(); event !== undefined; event = await events.next()) {
      yield event;
      if (event.type === "end") return;
    }
  } finally {
    events.leave();
    bound.close();
  }
}

class Events {
  readonly #path: string;
  readonly #bound: Bound;
  readonly #backoff = new Backoff({ baseMs: 100, capMs: 5_000 });
  #requests: JobRequests;
  /** The position that the reader has reached. */
  #last: number;
  #reader: EventReader | undefined;
  /** The text of the last state that was delivered. */
  #state = "";
  #hasEnded = false;

  constructor({ path, requests, after, bound }: {
    readonly path: string;
    readonly requests: JobRequests;
    readonly after: number;
    readonly bound: Bound;
  }) {
    this.#path = path;
    this.#requests = requests;
    this.#last = after;
    this.#bound = bound;
  }

  /** Returns the next event; undefined if the job has ended and there are no more. */
  async next(): Promise<JobEvent | undefined> {
    while (!this.#hasEnded) {
      let cause: unknown = new Error("the events ended");
      try {
        this.#reader ??= await this.#open();
        if (this.#reader === undefined) return await this.#lastState();
        const event = await this.#reader.next();
        if (event !== undefined) {
          const fresh = this.#fresh(event);
          if (fresh === undefined) continue;
          this.#backoff.reset();
          return fresh;
        }
      } catch (error) {
        this.#bound.signal.throwIfAborted();
        const mayPass = !(error instanceof SnakedenError) || isPassing(error);
        if (this.#requests.host === undefined || !mayPass) throw error;
        cause = error;
      }
      await this.#again(cause);
    }
    return undefined;
  }

  /** Returns the last state of a job whose end was seen, if the reader does not have it. */
  async #lastState(): Promise<JobEvent | undefined> {
    this.#hasEnded = true;
    if (this.#state !== "") return undefined;
    const path = this.#path.slice(0, -"/events".length);
    return { type: "state", job: await jobIn(await this.#requests.send({ path })) };
  }

  leave(): void {
    this.#reader?.leave();
  }

  async #again(cause: unknown): Promise<void> {
    this.#reader?.leave();
    this.#reader = undefined;
    const pauseMs = this.#backoff.failed();
    if (this.#backoff.failures > MAX_FAILURES) {
      const note = `it could not be opened again in ${MAX_FAILURES} attempts`;
      const url = `${this.#requests.host?.url ?? ""}${this.#path}`;
      throw connectionLost(url, cause, { note, mayHaveRun: false, after: this.#last });
    }
    await this.#bound.pause(pauseMs);
  }

  /** Opens the events; returns undefined if the reader has seen the end. */
  async #open(): Promise<EventReader | undefined> {
    const accept = { accept: "text/event-stream" };
    const reply = await this.#requests.send({
      path: this.#path,
      headers: this.#last === 0 ? accept : { ...accept, "last-event-id": String(this.#last) },
      signal: this.#bound.signal,
      timeoutMs: null,
    });
    this.#requests = this.#requests.at(reply.host);
    if (reply.response.status === 204) {
      await reply.text();
      return undefined;
    }
    if (!reply.isOf("text/event-stream")) {
      reply.leave();
      throw unexpectedAnswer(`${reply.host.url}${this.#path}`, reply.response, "");
    }
    return new EventReader(reply);
  }

  /** Returns an event to deliver; undefined for one that was delivered before. */
  #fresh(received: SseEvent): JobEvent | undefined {
    const { event, data } = received;
    switch (event) {
      case "state": {
        const job = jobOfData(data);
        if (job === undefined) throw strange(event, data);
        // Each connection begins with it.
        if (data === this.#state) return undefined;
        this.#state = data;
        return { type: "state", job };
      }
      case "progress":
        return { type: "progress", progress: parsed(data) };
      case "chunk": {
        const id = this.#reach(received);
        if (id === undefined) return undefined;
        const chunk = parsed(data);
        if (!isRecord(chunk) || wrongField(chunk, CHUNK) !== undefined) throw strange(event, data);
        const value = new ReceivedValue(data, "value").decode();
        return { type: "chunk", id, run: Number(chunk.run), value };
      }
      case "reset": {
        const id = positionOf(received);
        this.#last = id;
        return { type: "reset", id };
      }
      case "end": {
        const id = this.#reach(received);
        const job = jobOfData(data);
        if (job === undefined) throw strange(event, data);
        return id === undefined ? undefined : { type: "end", id, job };
      }
      case "failed": {
        const problem = parsed(data);
        throw isProblem(problem) ? problemError(problem) : strange(event, data);
      }
      default:
        // An event of a later version.
        return undefined;
    }
  }

  /** Moves the reader to a position; returns undefined if it was there. */
  #reach(event: SseEvent): number | undefined {
    const id = positionOf(event);
    if (id <= this.#last) return undefined;
    this.#last = id;
    return id;
  }
}

function positionOf({ event, id, data }: SseEvent): number {
  const position = /^\d+$/.test(id) ? Number(id) : NaN;
  if (Number.isSafeInteger(position)) return position;
  throw strange(event, data);
}

/** Returns the error of an event that no host sends. */
function strange(event: string, data: string): SnakedenError {
  const message = `The event ${event} of a job is not one of Snakeden: ${data.slice(0, 200)}`;
  return new SnakedenError("unexpected_answer", message);
}
