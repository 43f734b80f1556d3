import type { StreamEvent } from "../../../pool/mod.ts";
import { type Problem, problemText, type StreamType } from "../../http/mod.ts";
import { inMicroseconds } from "../microseconds.ts";

/** Writes the events of a stream as text. */
export interface EventWriter {
  /** The place after the last event. */
  readonly position: Position;
  event(event: StreamEvent): string;
  /**
   * Writes the last event of a stream that failed. Its details name what was sent before it.
   *
   * @param at The place of the event, if what was written after it is not sent.
   */
  failed(problem: Problem, at?: Position): string;
  heartbeat(): string;
}

/** A place in a stream: what was written before it. */
export interface Position {
  readonly events: number;
  readonly chunks: number;
}

/**
 * Creates the writer of one stream, whose Server-Sent Events it numbers.
 *
 * @param streamId The id of a stream that can be resumed, which the ids of its events begin with.
 */
export function eventWriter(type: StreamType, streamId?: string): EventWriter {
  return type === "text/event-stream" ? new SseWriter(streamId) : new NdjsonWriter();
}

/**
 * Server-Sent Events. No event is called `error`, because `EventSource` dispatches lost connections
 * to the listeners of that name.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
class SseWriter implements EventWriter {
  readonly #prefix: string;
  #events = 0;
  #chunks = 0;

  constructor(streamId?: string) {
    this.#prefix = streamId === undefined ? "" : `${streamId}:`;
  }

  get position(): Position {
    return { events: this.#events, chunks: this.#chunks };
  }

  event(event: StreamEvent): string {
    const data = dataOf(event);
    if (event.type === "chunk") this.#chunks++;
    return this.#write(event.type, data);
  }

  failed(problem: Problem, { events, chunks } = this.position): string {
    this.#events = events;
    const lastEventId = `${this.#prefix}${events}`;
    return this.#write("failed", textAfter(problem, { chunks, lastEventId }));
  }

  /**
   * Returns a comment, which clients ignore. Before the first event it includes an id, so that a
   * client that reconnects then also shows that its call has been made.
   */
  heartbeat(): string {
    return this.#events === 0 ? `: heartbeat\nid: ${this.#prefix}0\n\n` : ": heartbeat\n\n";
  }

  #write(name: string, data: string): string {
    return `id: ${this.#prefix}${++this.#events}\nevent: ${name}\ndata: ${data}\n\n`;
  }
}

class NdjsonWriter implements EventWriter {
  #chunks = 0;

  get position(): Position {
    return { events: 0, chunks: this.#chunks };
  }

  event(event: StreamEvent): string {
    const data = dataOf(event);
    if (event.type === "chunk") this.#chunks++;
    return this.#write(event.type, data);
  }

  failed(problem: Problem, { chunks } = this.position): string {
    return this.#write("failed", textAfter(problem, { chunks }));
  }

  heartbeat(): string {
    return '{"event":"heartbeat"}\n';
  }

  #write(name: string, data: string): string {
    return `{"event":"${name}","data":${data}}\n`;
  }
}

/** Returns the text of a problem that names what was sent before it. */
function textAfter(problem: Problem, sent: Readonly<Record<string, unknown>>): string {
  return problemText({ ...problem, details: { ...problem.details, ...sent } });
}

/** Returns the data of an event as JSON text on one line. */
function dataOf(event: StreamEvent): string {
  const text = oneLine(event.value.jsonText());
  if (event.type !== "done") return text;
  const { callId, workerId, durationMs, queueMs } = event;
  const rest = JSON.stringify({
    callId,
    workerId,
    durationMs: inMicroseconds(durationMs),
    queueMs: inMicroseconds(queueMs),
  });
  return `{"result":${text},${rest.slice(1)}`;
}

/**
 * Replaces line breaks in JSON text, which would end the event. They can only stand between tokens,
 * since strings escape theirs.
 */
function oneLine(json: string): string {
  return json.includes("\n") || json.includes("\r") ? json.replaceAll(/[\r\n]+/g, " ") : json;
}
