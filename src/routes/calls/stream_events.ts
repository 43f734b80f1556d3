import type { StreamEvent } from "../../pool/mod.ts";
import { type Problem, problemText, type StreamType } from "../http/mod.ts";
import { inMicroseconds } from "./microseconds.ts";

/** Writes the events of a stream as text. */
export interface EventWriter {
  event(event: StreamEvent): string;
  /** Writes the last event of a stream that failed. */
  failed(problem: Problem): string;
  heartbeat(): string;
}

/** Creates the writer of one stream, whose Server-Sent Events it numbers. */
export function eventWriter(type: StreamType): EventWriter {
  return type === "text/event-stream" ? new SseWriter() : new NdjsonWriter();
}

/**
 * Server-Sent Events. No event is called `error`, because `EventSource` dispatches lost connections
 * to the listeners of that name.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
class SseWriter implements EventWriter {
  #id = 0;

  event(event: StreamEvent): string {
    return this.#write(event.type, dataOf(event));
  }

  failed(problem: Problem): string {
    return this.#write("failed", problemText(problem));
  }

  /**
   * Returns a comment, which clients ignore. Before the first event it includes an id, so that a
   * client that reconnects then also shows that its call has been made.
   */
  heartbeat(): string {
    return this.#id === 0 ? ": heartbeat\nid: 0\n\n" : ": heartbeat\n\n";
  }

  #write(name: string, data: string): string {
    return `id: ${++this.#id}\nevent: ${name}\ndata: ${data}\n\n`;
  }
}

class NdjsonWriter implements EventWriter {
  event(event: StreamEvent): string {
    return this.#write(event.type, dataOf(event));
  }

  failed(problem: Problem): string {
    return this.#write("failed", problemText(problem));
  }

  heartbeat(): string {
    return '{"event":"heartbeat"}\n';
  }

  #write(name: string, data: string): string {
    return `{"event":"${name}","data":${data}}\n`;
  }
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
