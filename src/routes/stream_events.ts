import type { StreamEvent } from "../pool/mod.ts";
import type { StreamType } from "./accept.ts";
import { inMicroseconds } from "./execute.ts";
import { type Problem, problemText } from "./problem.ts";

/** How the events of a stream are written as text. */
export interface EventWriter {
  event(event: StreamEvent): string;
  error(problem: Problem): string;
  heartbeat(): string;
}

/** The writer for a media type. One a stream: Server-Sent Events are numbered. */
export function eventWriter(type: StreamType): EventWriter {
  return type === "text/event-stream" ? new SseWriter() : new NdjsonWriter();
}

/** @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
class SseWriter implements EventWriter {
  #id = 0;

  event(event: StreamEvent): string {
    return this.#write(event.type, dataOf(event));
  }

  error(problem: Problem): string {
    return this.#write("error", problemText(problem));
  }

  /** A comment, which clients ignore. */
  heartbeat(): string {
    return ": heartbeat\n\n";
  }

  #write(name: string, data: string): string {
    return `id: ${++this.#id}\nevent: ${name}\ndata: ${data}\n\n`;
  }
}

class NdjsonWriter implements EventWriter {
  event(event: StreamEvent): string {
    return this.#write(event.type, dataOf(event));
  }

  error(problem: Problem): string {
    return this.#write("error", problemText(problem));
  }

  heartbeat(): string {
    return '{"event":"heartbeat"}\n';
  }

  #write(name: string, data: string): string {
    return `{"event":"${name}","data":${data}}\n`;
  }
}

/** JSON text on one line. */
function dataOf(event: StreamEvent): string {
  const text = oneLine(event.value.jsonText());
  if (event.type !== "done") return text;
  const { callId, workerId, durationMs } = event;
  const rest = JSON.stringify({ callId, workerId, durationMs: inMicroseconds(durationMs) });
  return `{"result":${text},${rest.slice(1)}`;
}

/** A line break in JSON text stands between tokens, as texts escape theirs; it would end the event. */
function oneLine(json: string): string {
  return json.includes("\n") || json.includes("\r") ? json.replaceAll(/[\r\n]+/g, " ") : json;
}
