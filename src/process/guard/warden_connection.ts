import { amountFrame, FrameReader, header } from "./frames.ts";

/** Output that was taken is reported in parts of this size. The window of a warden is larger. */
const REPORTED_BYTES = 1 << 17;

/** A connection to a warden: reads frames as they come, and writes others in order. */
export class WardenConnection {
  /** Resolves when the connection has ended and is closed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.Conn;
  readonly #outbox: Uint8Array[] = [];
  #isWriting = false;
  #isClosed = false;
  #taken = 0;

  constructor(conn: Deno.Conn, onFrame: (kind: number, payload: Uint8Array) => void) {
    this.#conn = conn;
    this.ended = this.#read(new FrameReader(onFrame));
  }

  /** True once the connection has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends a frame. Returns at once; a broken connection is found by the reader. */
  send(kind: number, payload: Uint8Array = new Uint8Array()): void {
    this.#write(header(kind, payload.byteLength), payload);
  }

  /** Sends a frame with a number. */
  sendAmount(kind: number, amount: number): void {
    this.#write(amountFrame(kind, amount));
  }

  /** Reports that output was taken, once it is worth a frame. */
  took(kind: number, count: number): void {
    this.#taken += count;
    if (this.#taken < REPORTED_BYTES) return;
    this.sendAmount(kind, this.#taken);
    this.#taken = 0;
  }

  /** Closes the connection, so that the warden kills all processes. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  #write(...parts: readonly Uint8Array[]): void {
    this.#outbox.push(...parts.filter((it) => it.byteLength > 0));
    if (!this.#isWriting) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let part = this.#outbox.shift(); part !== undefined; part = this.#outbox.shift()) {
        for (let at = 0; at < part.byteLength;) {
          at += await this.#conn.write(at === 0 ? part : part.subarray(at));
        }
      }
    } catch {
      // The warden is gone, but its last frames may still be unread. The reader finds the end.
      this.#outbox.length = 0;
    }
    this.#isWriting = false;
  }

  async #read(frames: FrameReader): Promise<void> {
    try {
      while (true) {
        const count = await this.#conn.read(frames.room());
        if (count === null) break;
        frames.filled(count);
      }
    } catch {
      // A reset means that the warden left something unread. Both ends count alike.
    }
    this.close();
  }
}
