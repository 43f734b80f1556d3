/** Reads the Server-Sent Events of a response. */
import assert from "node:assert/strict";

/** The events of a stream, one after the other, as blocks of text without heartbeats. */
export class EventReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  heartbeats = 0;

  constructor(answer: Response) {
    assert.ok(answer.ok, `status ${answer.status}`);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.ok(answer.body !== null);
    this.#reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  async next(): Promise<Record<string, string> | undefined> {
    const block = await this.block();
    if (block === ": heartbeat") {
      this.heartbeats++;
      return await this.next();
    }
    return block === undefined ? undefined : Object.fromEntries(
      block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)),
    );
  }

  /** Returns the next block, heartbeats too. */
  async block(): Promise<string | undefined> {
    while (!this.#text.includes("\n\n")) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
    const [block = "", ...rest] = this.#text.split("\n\n");
    this.#text = rest.join("\n\n");
    return block;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
