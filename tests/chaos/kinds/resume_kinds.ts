import assert from "node:assert/strict";
import { SseParser } from "../../../src/client/streams/mod.ts";
import type { Random } from "../random.ts";
import { errorOf, type Kind, pause } from "./kind.ts";

/** Streams of events whose connections are cut, and that are read on, cancelled or abandoned. */
export class ResumeKinds {
  readonly #origin: string;

  constructor({ origin }: { readonly origin: string }) {
    this.#origin = origin;
  }

  get kinds(): Kind[] {
    return [
      { name: "events resumed", weight: 6, run: (random) => this.#resume(random) },
      { name: "events of the host resumed", weight: 3, run: (random) => this.#resumeItems(random) },
      {
        name: "events cancelled",
        weight: 2,
        run: (random) => this.#cancel(random),
        codes: ["stream_gone"],
      },
      { name: "events abandoned", weight: 1, run: (random) => this.#abandon(random) },
    ];
  }

  async #resume(random: Random): Promise<void> {
    const n = random.below(300);
    const call = { tool: "paced", args: { n, seconds: random.next() / 100 } };
    await this.#readAll(random, new EventReader(this.#origin, call), n);
  }

  async #resumeItems(random: Random): Promise<void> {
    const n = random.below(2_000);
    const call = { tool: "items", args: { n, pauseMs: 2 } };
    await this.#readAll(random, new EventReader(this.#origin, call), n);
  }

  async #readAll(random: Random, reader: EventReader, n: number): Promise<void> {
    do {
      // Most are cut, some more than once.
      const most = random.below(4) === 0 ? Infinity : random.below(4_000);
      await reader.read(most, { repeats: random.below(2) === 0 });
      if (!reader.isBegun) return;
      if (!reader.isDone) await pause(random.below(60));
    } while (!reader.isDone);
    assert.equal(reader.seen, n);
  }

  async #cancel(random: Random): Promise<void> {
    const reader = new EventReader(this.#origin, {
      tool: "paced",
      args: { n: 1e9, seconds: 0.01 },
    });
    await reader.read(random.below(1_000), { repeats: false });
    if (!reader.isBegun) return;
    await reader.cancel();
    await reader.read(Infinity, { repeats: random.below(2) === 0 });
    throw new Error("a stream that was cancelled goes on");
  }

  async #abandon(random: Random): Promise<void> {
    const reader = new EventReader(this.#origin, {
      tool: "paced",
      args: { n: 1e9, seconds: 0.01 },
    });
    await reader.read(random.below(1_000), { repeats: false });
  }
}

/** Reads the numbers that a call streams, over one connection after another. */
class EventReader {
  readonly #origin: string;
  readonly #body: string;
  #lastId = "";
  seen = 0;
  isDone = false;

  constructor(origin: string, call: Readonly<Record<string, unknown>>) {
    this.#origin = origin;
    this.#body = JSON.stringify(call);
  }

  /** True once an event has come, so that the stream can be resumed. */
  get isBegun(): boolean {
    return this.#lastId !== "";
  }

  get #path(): string {
    return `${this.#origin}/v1/streams/${this.#lastId.split(":")[0]}`;
  }

  /**
   * Reads about `most` bytes, or to the end, and cuts the connection.
   *
   * @throws {SnakedenError} The error of the call, or of the request.
   */
  async read(most: number, { repeats }: { readonly repeats: boolean }): Promise<void> {
    const leaving = new AbortController();
    const begins = repeats || !this.isBegun;
    const response = await fetch(begins ? `${this.#origin}/v1/stream` : this.#path, {
      method: begins ? "POST" : "GET",
      headers: {
        accept: "text/event-stream",
        ...(begins ? { "content-type": "application/json" } : {}),
        ...(this.isBegun ? { "last-event-id": this.#lastId } : {}),
      },
      ...(begins ? { body: this.#body } : {}),
      signal: leaving.signal,
    });
    if (!response.ok) throw errorOf(await response.json());
    assert.ok(response.body);
    const parser = new SseParser();
    let bytes = 0;
    let isCut = false;
    for await (const part of response.body) {
      for (const { event, data, id } of parser.push(part)) {
        this.#lastId = id;
        if (event === "failed") throw errorOf(JSON.parse(data));
        if (event === "done") this.isDone = true;
        if (event === "chunk") assert.equal(Number(data), this.seen++);
      }
      bytes += part.byteLength;
      if (bytes > most && !this.isDone) {
        isCut = true;
        break;
      }
    }
    leaving.abort();
    assert.ok(this.isDone || isCut, "the events have ended without an end of the call");
  }

  /** Cancels the call. */
  async cancel(): Promise<void> {
    const response = await fetch(this.#path, { method: "DELETE" });
    if (!response.ok) throw errorOf(await response.json());
  }
}
