import type { Reply } from "../http/mod.ts";
import { type SseEvent, SseParser } from "./sse_parser.ts";

/**
 * The events of one answer. Its body is read only while somebody waits for an event, so a slow
 * reader slows the host.
 */
export class EventReader {
  readonly #reply: Reply;
  readonly #parser = new SseParser();
  #ready: SseEvent[] = [];
  #head = 0;

  constructor(reply: Reply) {
    this.#reply = reply;
  }

  /** The id of the last event that has arrived, or that the host gave before the first one. */
  get lastId(): string {
    return this.#parser.lastId;
  }

  /** Waits until the host has given an id, which it does before the first event. */
  async untilId(): Promise<string> {
    while (this.lastId === "" && await this.#fill());
    return this.lastId;
  }

  /**
   * Returns the next event; undefined at the end of the body.
   *
   * @throws What `fetch` throws if the connection breaks.
   */
  async next(): Promise<SseEvent | undefined> {
    while (this.#head === this.#ready.length) if (!await this.#fill()) return undefined;
    return this.#ready[this.#head++];
  }

  /** Leaves the stream. */
  leave(): void {
    this.#reply.leave();
  }

  #rest(): SseEvent[] {
    return this.#ready.slice(this.#head);
  }

  async #fill(): Promise<boolean> {
    const bytes = await this.#reply.next();
    if (bytes === undefined) return false;
    const ready = this.#parser.push(bytes);
    this.#ready = this.#head === this.#ready.length ? ready : [...this.#rest(), ...ready];
    this.#head = 0;
    return true;
  }
}
