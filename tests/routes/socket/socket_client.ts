/** A client of `GET /v1/socket`, and a server for it. */
import { createApp, OpenSockets, Traffic } from "../../../src/routes/mod.ts";
import type { Engine } from "../../../src/routes/mod.ts";

/** A text message of the server. */
export interface Message {
  readonly type: string;
  readonly id?: number | null;
  readonly [field: string]: unknown;
}

/** A binary message, apart from its head. */
export interface Binary {
  readonly type: "item" | "buffer";
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** A message of either kind. */
type Received = Message & Partial<Pick<Binary, "bytes">>;

/** A WebSocket that keeps what has come until it is asked for. */
export class SocketClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly #received: (Message | Binary)[] = [];
  readonly #end = Promise.withResolvers<CloseEvent>();
  #wake: (() => void) | undefined;

  constructor(url: string, options: WebSocketOptions = {}) {
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/socket`, options);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", ({ data }) => {
      this.#received.push(typeof data === "string" ? JSON.parse(data) : binaryOf(data));
      this.#wake?.();
    });
    this.socket.addEventListener("close", (event) => {
      this.#end.resolve(event);
      this.#wake?.();
    });
  }

  /** Opens a socket, and takes its `hello`. */
  static async open(url: string, options: WebSocketOptions = {}): Promise<SocketClient> {
    const client = new SocketClient(url, options);
    await client.next();
    return client;
  }

  /** The end of the connection. */
  get closed(): Promise<CloseEvent> {
    return this.#end.promise;
  }

  /** The number of messages that came and were not taken. */
  get waiting(): number {
    return this.#received.length;
  }

  send(message: Readonly<Record<string, unknown>> | string | Uint8Array<ArrayBuffer>): void {
    const isRaw = typeof message === "string" || message instanceof Uint8Array;
    this.socket.send(isRaw ? message : JSON.stringify(message));
  }

  /** Returns the next message. */
  async next(): Promise<Received> {
    while (true) {
      const message = this.#received.shift();
      if (message !== undefined) return message as Received;
      if (this.socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await this.#end.promise;
        throw new Error(`The socket was closed: ${code} ${reason}`);
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Returns the next `result` or `error`, and drops what comes before it. */
  async last(id: number): Promise<Received> {
    while (true) {
      const message = await this.next();
      if (message.id === id && (message.type === "result" || message.type === "error")) {
        return message;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.#end.promise;
  }
}

/** Returns a binary message as a client sends it. */
export function binary(
  kind: "item" | "buffer" | number,
  id: number,
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(8 + bytes.byteLength);
  message[0] = typeof kind === "number" ? kind : kind === "item" ? 1 : 2;
  new DataView(message.buffer).setUint32(4, id, true);
  message.set(bytes, 8);
  return message;
}

/** Returns a packed message as docs/http.md describes it, with the lengths that it is to name. */
export function packed(
  id: number,
  text: Readonly<Record<string, unknown>> | string | Uint8Array,
  buffers: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const parts: number[] = [];
  const u32 = (n: number): void => void parts.push(...new Uint8Array(new Uint32Array([n]).buffer));
  const align = (): void => {
    while (parts.length % 8 !== 0) parts.push(0);
  };
  u32(buffers.length);
  for (const { length } of buffers) u32(length);
  for (const buffer of buffers) {
    align();
    parts.push(...buffer);
  }
  align();
  const isBytes = text instanceof Uint8Array;
  const json = isBytes ? text : new TextEncoder().encode(
    typeof text === "string" ? text : JSON.stringify(text),
  );
  return binary(3, id, new Uint8Array([...parts, ...json]));
}

function packedOf(data: ArrayBuffer): Message {
  const head = new DataView(data);
  const buffers: Uint8Array[] = [];
  const count = head.getUint32(8, true);
  let at = Math.ceil((12 + 4 * count) / 8) * 8;
  for (let i = 0; i < count; i++) {
    const length = head.getUint32(12 + 4 * i, true);
    buffers.push(new Uint8Array(data, at, length));
    at = Math.ceil((at + length) / 8) * 8;
  }
  return { ...JSON.parse(new TextDecoder().decode(data.slice(at))), buffers };
}

function binaryOf(data: ArrayBuffer): Message | Binary {
  const head = new DataView(data);
  if (head.getUint8(0) === 3) return packedOf(data);
  const type = head.getUint8(0) === 1 ? "item" : "buffer";
  return { type, id: head.getUint32(4, true), bytes: new Uint8Array(data, 8) };
}

/** A served app. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly sockets: OpenSockets;
  readonly traffic: Traffic;
}

/** Serves an engine on a free port. */
export function serveSockets(engine: Engine): Served {
  const sockets = new OpenSockets(engine.config.limits);
  const traffic = new Traffic(engine.config.limits).start();
  const app = createApp(engine, { version: "1", sockets, traffic });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const { port } = server.addr;
  return {
    port,
    sockets,
    traffic,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await sockets.close();
      await server.shutdown();
      traffic[Symbol.dispose]();
    },
  };
}
