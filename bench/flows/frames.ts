import type { FramesCommand } from "../commands.ts";
import { type Figures, quantile } from "../measure.ts";

/** 20 ms of audio: 16,000 samples of 16 bits a second. */
const FRAME_BYTES = 640;
const FRAME_MS = 20;
/** The bytes before the payload of a binary message. */
const HEAD_BYTES = 8;
/** The kind of a binary message that is an item. */
const ITEM = 1;

/** Sends frames from several sockets at once; returns the times until each came back. */
export async function sendFrames(origin: string, command: FramesCommand): Promise<Figures> {
  const frames = Math.ceil(command.durationMs / FRAME_MS);
  const all = await Promise.all(
    Array.from({ length: command.clients }, async (_, i) => {
      // The clients of a service do not send at the same moment.
      await pause(i * FRAME_MS / command.clients);
      const client = await AudioClient.open(origin);
      try {
        return command.as === "input" ? await client.stream(frames) : await client.call(frames);
      } finally {
        client.close();
      }
    }),
  );
  const sorted = Float64Array.from(all.flat()).sort();
  return {
    frames: sorted.length,
    framesPerSecond: sorted.length / (frames * FRAME_MS / 1000),
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    maxMs: quantile(sorted, 1),
  };
}

interface Answer {
  readonly type: string;
  readonly id: number;
  readonly problem?: unknown;
}

/** One socket. */
class AudioClient {
  readonly #socket: WebSocket;
  /** The times at which frames were sent. */
  readonly #sentAt: number[] = [];
  /** The times until they came back. */
  readonly #times: number[] = [];
  readonly #begun = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  /** The frames that have to come back. */
  #frames = 0;
  /** The call whose input stream they are; undefined if each has its own call. */
  #input: number | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#onText(JSON.parse(data));
      else this.#onBinary(new Uint8Array(data));
    };
    socket.onclose = () => this.#ended.reject(new Error("the socket was closed"));
    // A client that fails to open has no one who waits for this.
    this.#ended.promise.catch(() => {});
  }

  static async open(origin: string): Promise<AudioClient> {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/v1/socket`, ["snakeden.v1"]);
    socket.binaryType = "arraybuffer";
    await new Promise<void>((resolve, reject) => {
      socket.onmessage = () => resolve();
      socket.onclose = () => reject(new Error("the socket cannot be opened"));
    });
    return new AudioClient(socket);
  }

  /**
   * Sends frames as the input stream of one call, the first one alone: WebSockets of Deno hold it
   * back until the server has acknowledged the message before it.
   */
  async stream(frames: number): Promise<readonly number[]> {
    this.#frames = frames + 1;
    const id = this.#input = 1;
    this.#send({ type: "call", id, tool: "echo_each", stream: true, input: "frames" });
    const message = new Uint8Array(HEAD_BYTES + FRAME_BYTES);
    message[0] = ITEM;
    new DataView(message.buffer).setUint32(HEAD_BYTES / 2, id, true);
    this.#sentAt.push(performance.now());
    this.#socket.send(message);
    await Promise.race([this.#begun.promise, this.#ended.promise]);
    await this.#pace(frames, () => this.#socket.send(message));
    this.#send({ type: "end", id });
    await this.#ended.promise;
    return this.#times.slice(1);
  }

  /** Sends each frame in a call of its own. */
  async call(frames: number): Promise<readonly number[]> {
    this.#frames = frames;
    const base64 = new Uint8Array(FRAME_BYTES).toBase64();
    const args = { value: { $snakeden: "bytes", base64 } };
    await this.#pace(frames, (id) => this.#send({ type: "call", id, tool: "echo", args }));
    await this.#ended.promise;
    return this.#times;
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }

  async #pace(frames: number, send: (number: number) => void): Promise<void> {
    const startedAt = performance.now();
    for (let i = 0; i < frames; i++) {
      await pause(startedAt + i * FRAME_MS - performance.now());
      this.#sentAt.push(performance.now());
      send(i);
    }
  }

  #onText({ type, id, problem }: Answer): void {
    if (type === "error") this.#ended.reject(new Error(JSON.stringify(problem)));
    if (type !== "result") return;
    if (this.#input === undefined) this.#cameBack(id);
    if (this.#times.length === this.#frames) this.#ended.resolve();
  }

  #onBinary({ byteLength }: Uint8Array): void {
    if (byteLength !== HEAD_BYTES + FRAME_BYTES) {
      return this.#ended.reject(new Error("this is not the frame that was sent"));
    }
    if (this.#input !== undefined) this.#cameBack(this.#times.length);
  }

  #cameBack(frame: number): void {
    this.#times.push(performance.now() - (this.#sentAt[frame] ?? NaN));
    this.#begun.resolve();
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.#socket.send(JSON.stringify(message));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
