import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { Bound, connectionLost, type Host, type Reply, type Transport } from "../http/mod.ts";
import type { FileInfo, FileRange } from "../shapes/mod.ts";

/** The most times in a row that a download goes on without a further byte. */
const MAX_ATTEMPTS = 4;

/** The place of a file at a host. */
export interface FilePlace {
  readonly transport: Transport;
  readonly host: Host;
  readonly path: string;
  readonly file: FileInfo;
}

/**
 * Returns the bytes of a part of a file. If the connection breaks, the download goes on at the
 * byte where it was.
 */
export function fileStream(place: FilePlace, range: FileRange): ReadableStream<Uint8Array> {
  return new ReadableStream(new Download(place, range), { highWaterMark: 0 });
}

/** The source from which a program pulls a file. */
class Download implements UnderlyingDefaultSource<Uint8Array> {
  readonly #place: FilePlace;
  readonly #end: number;
  #at: number;
  #reply: Reply | undefined;

  constructor(place: FilePlace, { start, end }: FileRange) {
    this.#place = place;
    this.#at = start;
    this.#end = end;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const chunk = await this.#next();
    if (chunk !== undefined) return controller.enqueue(chunk);
    this.cancel();
    controller.close();
  }

  cancel(): void {
    this.#reply?.leave();
    this.#reply = undefined;
  }

  async #next(): Promise<Uint8Array | undefined> {
    const backoff = new Backoff({ baseMs: 50, capMs: 1_000 });
    for (let attempt = 1; this.#at < this.#end; attempt++) {
      try {
        this.#reply ??= await this.#ask();
        const chunk = await this.#reply.next();
        if (chunk === undefined) throw this.#cut(new Error("it ended early"));
        this.#at += chunk.byteLength;
        return chunk;
      } catch (error) {
        const lost = this.#lost(error);
        this.cancel();
        if (!lost.retryable || attempt === MAX_ATTEMPTS) throw lost;
      }
      await pause(Math.max(this.#place.host.restMs, backoff.failed()));
    }
    return undefined;
  }

  async #ask(): Promise<Reply> {
    const { transport, host, path, file: { sha256, bytes } } = this.#place;
    const isWhole = this.#at === 0 && this.#end === bytes;
    const reply = await transport.send({
      path: `${path}/content`,
      host,
      // The time of a download is that of its reader.
      timeoutMs: null,
      headers: isWhole
        ? {}
        : { range: `bytes=${this.#at}-${this.#end - 1}`, "if-range": `"${sha256}"` },
    });
    if (reply.response.status === (isWhole ? 200 : 206)) return reply;
    reply.leave();
    throw new SnakedenError(
      "unexpected_answer",
      `The answer of ${host.url}${path}/content is not the part of the file that was asked for: ` +
        `status ${reply.response.status}`,
      { details: { status: reply.response.status } },
    );
  }

  #lost(error: unknown): SnakedenError {
    return error instanceof SnakedenError ? error : this.#cut(error);
  }

  #cut(error: unknown): SnakedenError {
    const { host, path } = this.#place;
    return connectionLost(`${host.url}${path}/content`, error, {
      note: `${this.#at} bytes had arrived`,
    });
  }
}

async function pause(ms: number): Promise<void> {
  const bound = new Bound([], { timeoutMs: undefined, late: () => new Error("late") });
  try {
    await bound.pause(ms);
  } finally {
    bound.close();
  }
}
