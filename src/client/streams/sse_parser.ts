/** An event of a stream of Server-Sent Events. */
export interface SseEvent {
  /** The name of the event; `message` if it has none. */
  readonly event: string;
  readonly data: string;
  /** The id that the stream has reached with this event; empty if there was none. */
  readonly id: string;
}

/** The longest event, which the values of a host do not reach. */
const MAX_EVENT_CHARS = 2 ** 28;

const CR = 13;
const LF = 10;

/**
 * Reads Server-Sent Events from bytes, however these are cut. An event that is not whole when the
 * bytes end is dropped.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseParser {
  readonly #decoder = new TextDecoder();
  /** Text that is not a whole line yet. */
  #rest = "";
  /** True if the last text ended with CR, so that an LF that follows belongs to it. */
  #endedWithCr = false;
  #event = "";
  #data: string[] = [];
  #dataChars = 0;
  /** The last id that was read. Its event may not be whole yet. */
  #id = "";
  #lastId = "";

  /** The id of the last event that was whole, for `Last-Event-ID`; empty if there was none. */
  get lastId(): string {
    return this.#lastId;
  }

  /**
   * Returns the events that the next bytes complete.
   *
   * @throws {RangeError} If an event is longer than anything that a host sends.
   */
  push(bytes: Uint8Array): SseEvent[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    if (this.#endedWithCr && text.charCodeAt(0) === LF) text = text.slice(1);
    this.#endedWithCr = text === "" ? false : text.charCodeAt(text.length - 1) === CR;
    const events: SseEvent[] = [];
    let start = 0;
    for (let end = lineEnd(text, start); end >= 0; end = lineEnd(text, start)) {
      const line = this.#rest + text.slice(start, end);
      this.#rest = "";
      const event = this.#line(line);
      if (event !== undefined) events.push(event);
      const isPair = text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF;
      start = end + (isPair ? 2 : 1);
    }
    this.#rest += text.slice(start);
    if (this.#rest.length + this.#dataChars > MAX_EVENT_CHARS) {
      throw new RangeError(`an event has more than ${MAX_EVENT_CHARS} characters`);
    }
    return events;
  }

  #line(line: string): SseEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const from = line[colon + 1] === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(from);
    if (field === "event") this.#event = value;
    else if (field === "data") {
      this.#data.push(value);
      this.#dataChars += value.length;
    } else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }

  #dispatch(): SseEvent | undefined {
    const event = this.#event === "" ? "message" : this.#event;
    const data = this.#data;
    this.#event = "";
    this.#data = [];
    this.#dataChars = 0;
    this.#lastId = this.#id;
    return data.length === 0 ? undefined : { event, data: data.join("\n"), id: this.#lastId };
  }
}

/** Returns the place of the next CR or LF; -1 if there is none. */
function lineEnd(text: string, start: number): number {
  const lf = text.indexOf("\n", start);
  // Looked for only up to the LF, since a host sends none.
  const cr = lf < 0 ? text.indexOf("\r", start) : text.slice(start, lf).indexOf("\r");
  if (lf < 0) return cr;
  return cr < 0 ? lf : start + cr;
}
