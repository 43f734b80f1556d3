import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import {
  type Ask,
  Bound,
  connectionLost,
  isProblem,
  problemError,
  type Reply,
  unexpectedAnswer,
} from "../http/mod.ts";
import { isRecord } from "../../json/mod.ts";
import type { CallOutcome, StreamEvent } from "../shapes/mod.ts";
import { ReceivedValue } from "../values/mod.ts";
import { EventReader } from "./event_reader.ts";
import type { SseEvent } from "./sse_parser.ts";

/** The ids of events of a stream that the host keeps for a while: `STREAM:NUMBER`. */
const RESUMABLE = /^([^:\s]{1,128}):(\d{1,15})$/;

/** The header with the id of such a stream. */
const STREAM_ID_HEADER = "snakeden-stream-id";

/** The time for which a reader that leaves waits until the host has heard of it. */
const LEAVE_MS = 2_000;

/** The attempts to resume a stream, one after the other. */
const MAX_RESUMES = 8;

/** Options of {@link CallEvents}. */
export interface CallEventsOptions {
  readonly send: (ask: Ask) => Promise<Reply>;
  /** Aborts when the reader has left, or need not be there any more. It ends all connections. */
  readonly signal: AbortSignal;
  /** Returns the error of the input stream of the call, which is thrown instead of its effects. */
  readonly failure?: () => { readonly error: unknown } | undefined;
  /** The pauses before the attempts to resume; the first is made at once. */
  readonly backoff?: Backoff;
}

/**
 * The events of a streaming call, over as many connections as it takes: after a broken one, the
 * stream is resumed where the host keeps it, which the ids of its events tell.
 */
export class CallEvents {
  readonly #options: CallEventsOptions;
  readonly #url: string;
  readonly #host: Reply["host"];
  /** The id of the stream by the header of its answer; undefined if the host does not keep it. */
  readonly #streamId: string | undefined;
  #reader: EventReader;
  /** The last id of the connections before this one. */
  #lastId = "";
  #delivered = 0;
  /** The number of the last event; events up to it are not delivered again. */
  #last = -1;
  #hasEnded = false;

  /** @throws {SnakedenError} `unexpected_answer` if the reply is no stream of events. */
  constructor(reply: Reply, options: CallEventsOptions) {
    this.#options = options;
    this.#host = reply.host;
    this.#url = `${reply.host.url}/v1/stream`;
    this.#streamId = reply.response.headers.get(STREAM_ID_HEADER) ?? undefined;
    this.#reader = readerOf(reply, this.#url);
  }

  /**
   * Cancels the call, if the host would keep its stream. To be called when the reader has left; the
   * end of its connection cancels every other call.
   */
  async leave(): Promise<void> {
    const stream = this.#place()?.stream;
    if (this.#hasEnded || stream === undefined) return;
    try {
      const path = `/v1/streams/${encodeURIComponent(stream)}`;
      const ask = { method: "DELETE", path, host: this.#host, timeoutMs: LEAVE_MS } as const;
      await (await this.#options.send(ask)).text();
    } catch {
      // The stream is gone already, or the host is, or it ends the stream when nobody comes back.
    }
  }

  /** Returns the place in a stream that the host keeps; undefined if it does not. */
  #place(): { readonly stream: string; readonly lastId: string } | undefined {
    const lastId = this.#reader.lastId || this.#lastId;
    const [, stream] = RESUMABLE.exec(lastId) ?? [];
    if (stream !== undefined) return { stream, lastId };
    const id = this.#streamId;
    return id === undefined ? undefined : { stream: id, lastId: `${id}:0` };
  }

  /**
   * Returns the next event; undefined after `done`.
   *
   * @throws {SnakedenError} The error of the call; `connection_lost` or `stream_gone` if the stream
   * broke off, with the number of chunks that were `delivered`. Throws the reason of the signal.
   */
  async next(): Promise<StreamEvent | undefined> {
    while (!this.#hasEnded) {
      const event = await this.#nextEvent();
      if (this.#isRepeated(event)) continue;
      switch (event.event) {
        case "chunk":
          this.#delivered++;
          return { type: "chunk", value: new ReceivedValue(event.data) };
        case "progress":
          return { type: "progress", value: new ReceivedValue(event.data) };
        case "done":
          this.#hasEnded = true;
          return doneOf(event.data);
        case "failed":
          this.#hasEnded = true;
          throw failureOf(event.data);
        default:
          // An event of a later version.
      }
    }
    return undefined;
  }

  #isRepeated({ id }: SseEvent): boolean {
    const number = Number(RESUMABLE.exec(id)?.[2] ?? Infinity);
    if (number === Infinity) return false;
    const isRepeated = number <= this.#last;
    this.#last = Math.max(number, this.#last);
    return isRepeated;
  }

  async #nextEvent(): Promise<SseEvent> {
    for (;;) {
      let cause: unknown = new Error("the stream ended without its last event");
      try {
        const event = await this.#reader.next();
        if (event !== undefined) return event;
      } catch (error) {
        this.#options.signal.throwIfAborted();
        cause = error;
      }
      const failure = this.#options.failure?.();
      if (failure !== undefined) throw failure.error;
      // So that the next call asks another host first.
      this.#host.failed();
      await this.#resume(cause);
    }
  }

  /** Opens the stream again after its last event. */
  async #resume(cause: unknown): Promise<void> {
    const place = this.#place();
    this.#reader.leave();
    if (place === undefined) throw this.#lost(cause, "the host does not keep it");
    const { stream, lastId } = place;
    this.#lastId = lastId;
    const { send, signal, backoff = new Backoff({ baseMs: 100, capMs: 3_000 }) } = this.#options;
    backoff.reset();
    for (let attempt = 1;; attempt++) {
      try {
        const reply = await send({
          path: `/v1/streams/${encodeURIComponent(stream)}`,
          headers: { accept: "text/event-stream", "last-event-id": lastId },
          host: this.#host,
          timeoutMs: null,
          signal,
        });
        this.#reader = readerOf(reply, this.#url);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!mayStillBeThere(error)) {
          this.#hasEnded = true;
          throw this.#withDelivered(error);
        }
        if (attempt === MAX_RESUMES) {
          throw this.#lost(error, `${attempt} attempts to resume failed`);
        }
      }
      await pause(backoff.failed(), signal);
    }
  }

  #lost(cause: unknown, why: string): SnakedenError {
    const delivered = this.#delivered;
    const note = `the stream broke off after ${delivered} chunks were delivered, and ${why}`;
    return connectionLost(this.#url, cause, { note, delivered });
  }

  #withDelivered(error: unknown): unknown {
    if (!(error instanceof SnakedenError)) return error;
    const { code, message, retryable } = error;
    const delivered = this.#delivered;
    return new SnakedenError(code, `${message}; ${delivered} chunks were delivered`, {
      retryable,
      details: { ...error.details, delivered },
      cause: error,
    });
  }
}

function readerOf(reply: Reply, url: string): EventReader {
  if (reply.isOf("text/event-stream")) return new EventReader(reply);
  reply.leave();
  throw unexpectedAnswer(url, reply.response, "");
}

/** Returns true for an error after which the stream may still be there. */
function mayStillBeThere(error: unknown): boolean {
  return error instanceof SnakedenError && error.retryable;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
  try {
    await bound.pause(ms);
  } finally {
    bound.close();
  }
}

function doneOf(data: string): StreamEvent {
  const done = parsed(data);
  if (!isRecord(done) || !Object.hasOwn(done, "result")) throw strange("done", data);
  const { callId, workerId, durationMs, queueMs } = done as unknown as CallOutcome;
  return {
    type: "done",
    value: new ReceivedValue(data, "result"),
    callId,
    workerId,
    durationMs,
    queueMs,
  };
}

function failureOf(data: string): SnakedenError {
  const problem = parsed(data);
  return isProblem(problem) ? problemError(problem) : strange("failed", data);
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** Returns the error of an event that no host sends. */
function strange(event: string, data: string): SnakedenError {
  const message = `The event ${event} of a stream is not one of Snakeden: ${data.slice(0, 200)}`;
  return new SnakedenError("unexpected_answer", message);
}
