import { delay, nextTurn } from "../../../async/mod.ts";
import type { Value } from "../../../bridge/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { MapItem, MapRun, Outcomes } from "../../../map/mod.ts";
import { lengthOf, type Problem, problemText, type Reader, slicesOf } from "../../http/mod.ts";
import { onOneLine } from "../events/mod.ts";
import type { Traffic } from "../traffic.ts";

/** Options of a {@link MapBody}. */
export interface MapBodyOptions {
  readonly run: Pick<MapRun<MapItem>, "next" | "leave">;
  readonly traffic: Pick<Traffic, "answers" | "isLarge" | "inline">;
  /** The signal of the map. */
  readonly signal: AbortSignal;
  /** Describes the error of an item. */
  readonly problemOf: (error: unknown) => Problem;
  /** Called with the error that ends the map after its first line. */
  readonly onError: (error: unknown) => void;
  /** The time without a line after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** Cancels the map. */
  readonly cancel: () => void;
  /** Called when the map has ended by itself. */
  readonly onEnd: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The bytes of lines that may wait for their reader before no further results are taken. Many
 * clients read no response before they have sent everything.
 */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** The characters of lines that are encoded together. */
const PART_CHARS = 64 * 1024;
/** The characters that take as long as describing an error. */
const ERROR_COST_CHARS = 2_048;
/** The bytes that the connection is given at a time, or those of one part. */
const WRITE_BYTES = 64 * 1024;
/** The time after which a map that found no room for its lines tries it again. */
const RETRY_MS = 50;

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode('{"event":"heartbeat"}\n');

/**
 * The body of the response to a map: a line for each item, and the error that ends it early as the
 * last one. Results are taken while lines wait for their reader, in bounds; beyond these, the map
 * waits, and so does the client that sends its items.
 */
export class MapBody implements UnderlyingDefaultSource<Bytes>, Reader {
  since = 0;
  unreadBytes = 0;
  readonly #options: MapBodyOptions;
  #unread: Bytes[] = [];
  #ended = false;
  #left = false;
  /** True once the response has begun, so that an error has no status of its own. */
  #hasBegun = false;
  #early: { readonly error: unknown } | undefined;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  /** Called when a line was added, or there will be no more. */
  #onNews: (() => void) | undefined;
  /** Called when lines were taken. */
  #onTaken: (() => void) | undefined;

  constructor(options: MapBodyOptions) {
    this.#options = options;
  }

  /**
   * Begins the map, and waits for its first line, at most for the time of a heartbeat.
   *
   * @throws {unknown} The error with which the map ends before its first line.
   */
  async begin(): Promise<void> {
    void this.#work();
    await this.#news();
    this.#hasBegun = true;
    if (this.#early !== undefined) throw this.#early.error;
  }

  /** The bytes. Cancelling the stream cancels the map. */
  readable(): ReadableStream<Bytes> {
    return new ReadableStream(this, { highWaterMark: 0 });
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { answers } = this.#options.traffic;
    // While there is no line nobody can read anything.
    answers.time.end(this);
    await this.#news();
    if (this.#left) return;
    const bytes = this.#takeUnread();
    if (bytes !== undefined) {
      answers.take(this, bytes.byteLength);
      controller.enqueue(bytes);
      this.#onTaken?.();
    } else if (!this.#ended) {
      answers.time.begin(this);
      controller.enqueue(HEARTBEAT.slice());
    }
    if (!this.#ended || this.#unread.length > 0) return;
    answers.end(this);
    this.#options.onEnd();
    controller.close();
  }

  /** Handles a reader that left. */
  cancel(): void {
    this.#left = true;
    this.#unread = [];
    this.#options.traffic.answers.end(this);
    this.#options.cancel();
    this.#options.run.leave(new DOMException("The client left", "AbortError"));
    this.#onNews?.();
    this.#onTaken?.();
  }

  /** Disconnects a reader that has read nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the results"));
    this.cancel();
  }

  /** Waits for a line or the end, at most for the time of a heartbeat. */
  async #news(): Promise<void> {
    if (this.#unread.length > 0 || this.#ended || this.#left) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.heartbeatMs);
    this.#onNews = resolve;
    await promise;
    this.#onNews = undefined;
    clearTimeout(timer);
  }

  /** Takes the lines that the connection is given next; undefined if none wait. */
  #takeUnread(): Bytes | undefined {
    let [count, length] = [0, 0];
    for (const { byteLength } of this.#unread) {
      if (count > 0 && length + byteLength > WRITE_BYTES) break;
      length += byteLength;
      count++;
    }
    const taken = this.#unread.splice(0, count);
    if (taken.length < 2) return taken[0];
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const it of taken) {
      bytes.set(it, at);
      at += it.byteLength;
    }
    return bytes;
  }

  async #work(): Promise<void> {
    const { run, problemOf, onError } = this.#options;
    try {
      for (let next = await run.next(); next !== undefined; next = await run.next()) {
        await this.#write(next);
        if (this.#left) return;
      }
    } catch (error) {
      if (this.#left) return;
      if (this.#hasBegun || this.#unread.length > 0) {
        onError(error);
        await this.#add([encoder.encode(`{"error":${problemText(problemOf(error))}}\n`)]);
      } else this.#early = { error };
    } finally {
      run.leave(new DOMException("The map has ended", "AbortError"));
      this.#ended = true;
      this.#onNews?.();
    }
  }

  /** Adds the lines of outcomes. */
  async #write({ from, outcomes }: Outcomes): Promise<void> {
    const { traffic } = this.#options;
    let [text, cost, index] = ["", 0, from];
    for (const outcome of outcomes) {
      const before = `{"index":${index++},"result":`;
      if (typeof outcome === "string") text += `${before}${onLine(outcome)}}\n`;
      else if (outcome instanceof SnakedenError) {
        text += this.#errorLine(index - 1, outcome);
        cost += ERROR_COST_CHARS;
      } else if (traffic.isLarge(outcome)) {
        await this.#addLarge(text, index - 1, outcome);
        [text, cost] = ["", 0];
      } else text += `${before}${onLine(outcome.jsonText())}}\n`;
      if (text.length + cost < PART_CHARS) continue;
      await this.#add([encoder.encode(text)]);
      // Errors are many objects for few bytes.
      if (cost > 0) await nextTurn();
      [text, cost] = ["", 0];
      if (this.#left) return;
    }
    if (text !== "") await this.#add([encoder.encode(text)]);
  }

  /** Adds `text`, and the line of a large result, which is written by another thread. */
  async #addLarge(text: string, index: number, result: Value): Promise<void> {
    const { traffic, signal } = this.#options;
    let json: Uint8Array;
    try {
      ({ json } = (await traffic.inline(result, signal)).wire);
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      return await this.#add([encoder.encode(text + this.#errorLine(index, error))]);
    }
    const before = encoder.encode(`${text}{"index":${index},"result":`);
    await this.#add([before, onOneLine(json), encoder.encode("}\n")]);
  }

  #errorLine(index: number, error: SnakedenError): string {
    return `{"index":${index},"error":${problemText(this.#options.problemOf(error))}}\n`;
  }

  /** Adds whole lines, and waits until the reader has taken so many that others may follow. */
  async #add(parts: readonly Uint8Array[]): Promise<void> {
    await this.#takeRoom(lengthOf(parts));
    if (this.#left) return;
    for (const slice of slicesOf(parts)) this.#unread.push(slice);
    this.#onNews?.();
    while (this.unreadBytes > MAX_UNREAD_BYTES && !this.#left) await this.#taken();
  }

  /** Waits for room if all bodies together have too many bytes: a map that has begun goes on. */
  async #takeRoom(bytes: number): Promise<void> {
    const { traffic, signal } = this.#options;
    while (!this.#left) {
      try {
        return traffic.answers.add(this, bytes);
      } catch (error) {
        if (!(error instanceof SnakedenError && error.code === "server_busy")) throw error;
      }
      await delay(RETRY_MS, signal);
      // The line that says so is short, and ends the body.
      if (signal.aborted) return;
    }
  }

  async #taken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onTaken = resolve;
    await promise;
    this.#onTaken = undefined;
  }
}

/** Replaces line feeds in JSON, which can only stand between tokens. */
function onLine(json: string): string {
  return json.includes("\n") ? json.replaceAll("\n", " ") : json;
}
