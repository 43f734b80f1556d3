import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";
import { type Contender, PAYLOAD, type StartOptions } from "../contender.ts";

const SERVER = fileURLToPath(new URL("raw_socket_server.py", import.meta.url));
const HEADER_BYTES = 4;
const READ_BYTES = 65_536;

/**
 * Sends frames over one Unix socket, which are answered in order: nothing between Deno and Python
 * can cost less. No values, no supervision, no deadlines.
 */
export async function start({ python }: StartOptions): Promise<Contender> {
  const path = await Deno.makeTempFile({ prefix: "bench-", suffix: ".sock" });
  await Deno.remove(path);
  const child = Child.spawn(python, { args: [SERVER, path] });
  await child.readLine();
  const frames = new FrameEcho(await Deno.connect({ transport: "unix", path }));
  const payload = new TextEncoder().encode(JSON.stringify(PAYLOAD));
  return {
    pids: [child.pid],
    async echo(): Promise<void> {
      const { byteLength } = await frames.call(payload);
      if (byteLength !== payload.byteLength) throw new Error("wrong echo");
    },
    async echoArray(array): Promise<void> {
      const answer = await frames.call(new Uint8Array(array.buffer));
      // Frames of this size have a buffer of their own.
      const echoed = new Float64Array(answer.buffer, answer.byteOffset, answer.byteLength / 8);
      if (echoed.length !== array.length || echoed.at(-1) !== array.at(-1)) {
        throw new Error("wrong array");
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      frames.close();
      await child[Symbol.asyncDispose]();
    },
  };
}

/** One write is in flight; what comes meanwhile gathers and goes with the next. */
class FrameEcho {
  readonly #connection: Deno.UnixConn;
  readonly #waiting: ((answer: Uint8Array<ArrayBuffer>) => void)[] = [];
  #gathered: Uint8Array[] = [];
  #isWriting = false;

  constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
    // Ends with the connection; the calls that wait then are lost with the whole process.
    void this.#readAll().catch(() => {});
  }

  call(body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const header = new Uint8Array(HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, body.byteLength);
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#gathered.push(header, body);
      if (!this.#isWriting) this.#writeAll().catch(reject);
    });
  }

  close(): void {
    this.#connection.close();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#gathered.length > 0) {
      const parts = this.#gathered;
      this.#gathered = [];
      // A copy is cheaper than one more write, up to some size.
      const isLarge = parts.some((it) => it.byteLength > READ_BYTES);
      for (const bytes of isLarge ? parts : [Buffer.concat(parts)]) {
        for (let sent = 0; sent < bytes.byteLength;) {
          sent += await this.#connection.write(bytes.subarray(sent));
        }
      }
    }
    this.#isWriting = false;
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    const view = new DataView(buffer.buffer);
    for (let end = 0;;) {
      const size = await this.#connection.read(buffer.subarray(end));
      if (size === null) return;
      end += size;
      let start = 0;
      while (end - start >= HEADER_BYTES) {
        const from = start + HEADER_BYTES;
        const length = view.getUint32(start);
        if (end - from >= length) {
          this.#answer(buffer.slice(from, from + length));
          start = from + length;
        } else if (HEADER_BYTES + length > READ_BYTES) {
          this.#answer(await this.#readLarge(buffer.subarray(from, end), length));
          start = end;
        } else break;
      }
      buffer.copyWithin(0, start, end);
      end -= start;
    }
  }

  /** The rest of a frame that the buffer does not hold goes straight to where it stays. */
  async #readLarge(begin: Uint8Array, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const whole = new Uint8Array(length);
    whole.set(begin);
    for (let have = begin.byteLength; have < length;) {
      const size = await this.#connection.read(whole.subarray(have));
      if (size === null) throw new Error("the connection ended inside a frame");
      have += size;
    }
    return whole;
  }

  #answer(bytes: Uint8Array<ArrayBuffer>): void {
    this.#waiting.shift()?.(bytes);
  }
}
