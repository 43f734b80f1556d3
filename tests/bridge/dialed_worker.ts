import { Buffer } from "node:buffer";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from "node:http2";
import { connect, type Socket } from "node:net";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import {
  type HelloInit,
  type HostMessage,
  snakeden,
  type WorkerMessageInit,
} from "../../src/bridge/gen/link.js";
import { until } from "../fixtures/until.ts";

const { HostFrame: hostFrame, WorkerFrame: workerFrame } = snakeden.v1;

/** Returns the first message of a worker of this version. */
export function hello(token: string, options: HelloInit = {}): WorkerMessageInit {
  return { hello: { protocolVersion: 1, workerId: "default-1", token, pid: 1, ...options } };
}

/** A worker without Python that connects to an address of a BridgeServer. */
export function dialWorker(address: string): DialedWorker {
  const [kind, path = ""] = address.split(":");
  const carrier = kind === "unix" ? new SocketStream(path) : new GrpcStream(path);
  return new DialedWorker(carrier);
}

/** The worker's end of a carrier. */
interface Stream {
  onFrame: (bytes: Uint8Array) => void;
  readonly hasEnded: boolean;
  /** Returns false if the next frame must wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  drained(): Promise<void>;
  end(): void;
  vanish(): void;
  close(): void;
}

/** A stream, and the messages that came on it. */
export class DialedWorker implements AsyncDisposable {
  /** All received messages, in order. */
  readonly received: HostMessage[] = [];
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.onFrame = (bytes) => this.received.push(...hostFrame.decode(bytes).messages);
  }

  /** Sends one frame. */
  say(...messages: WorkerMessageInit[]): boolean {
    return this.sayBytes(workerFrame.encode({ messages }).finish());
  }

  sayBytes(bytes: Uint8Array): boolean {
    return this.#stream.write(bytes);
  }

  /** Resolves when all frames are written. */
  async drained(): Promise<void> {
    await this.#stream.drained();
  }

  /** Waits for the message of this kind and returns it. */
  async hear<K extends keyof HostMessage>(kind: K): Promise<NonNullable<HostMessage[K]>> {
    await until(() => this.received.some((it) => it[kind]), `a message ${kind} has come`);
    for (const message of this.received) {
      const body = message[kind];
      if (body) return body;
    }
    throw new Error("unreachable");
  }

  /** Resolves when the stream has ended. */
  async ended(): Promise<void> {
    await until(() => this.#stream.hasEnded, "the stream has ended");
  }

  /** Ends the stream like a worker that leaves in order. */
  end(): void {
    this.#stream.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.vanish();
    await this.ended();
    this.#stream.close();
  }
}

/** The other end of a SocketCarrier. */
class SocketStream implements Stream {
  onFrame: (bytes: Uint8Array) => void = () => {};
  hasEnded = false;
  readonly #socket: Socket;

  constructor(path: string) {
    this.#socket = connect({ path, allowHalfOpen: true });
    const cutter = new FrameCutter(
      (bytes) => bytes.length < 4 ? undefined : [4, 4 + bytes.readUInt32LE()],
      (bytes) => this.onFrame(bytes),
    );
    this.#socket.on("data", (bytes: Buffer) => cutter.push(bytes));
    this.#socket.on("end", () => {
      this.hasEnded = true;
      this.#socket.end();
    });
    this.#socket.on("close", () => this.hasEnded = true);
    this.#socket.on("error", () => {});
  }

  write(bytes: Uint8Array): boolean {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(bytes.byteLength);
    this.#socket.write(header);
    return this.#socket.write(bytes);
  }

  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.once("drain", resolve));
  }

  end(): void {
    this.#socket.end();
  }

  vanish(): void {
    this.#socket.destroy();
  }

  close(): void {}
}

/** Takes frames out of bytes that come in pieces. */
class FrameCutter {
  readonly #onFrame: (bytes: Buffer) => void;
  /** Returns the begin and the end of a frame; undefined if its length has not come. */
  readonly #place: (bytes: Buffer) => readonly [number, number] | undefined;
  #parts: Buffer[] = [];

  constructor(
    place: (bytes: Buffer) => readonly [number, number] | undefined,
    onFrame: (bytes: Buffer) => void,
  ) {
    this.#place = place;
    this.#onFrame = onFrame;
  }

  push(bytes: Buffer): void {
    this.#parts.push(bytes);
    const known = this.#parts.reduce((sum, { length }) => sum + length, 0);
    const [first] = this.#parts;
    // Joins the pieces of a large frame only once it is complete.
    if (first && known < (this.#place(first)?.[1] ?? 0)) return;
    let rest = Buffer.concat(this.#parts);
    for (let place = this.#place(rest); place; place = this.#place(rest)) {
      const [from, to] = place;
      if (rest.length < to) break;
      this.#onFrame(rest.subarray(from, to));
      rest = rest.subarray(to);
    }
    this.#parts = [rest];
  }
}

/**
 * The other end of a GrpcCarrier: one request of HTTP/2, as gRPC frames it. The client of grpc-js
 * would close its connection gracefully, and Deno 2.9 may abort when the last GOAWAY comes for
 * streams that are gone: find_stream_on_goaway_func in nghttp2.
 */
class GrpcStream implements Stream {
  onFrame: (bytes: Uint8Array) => void = () => {};
  hasEnded = false;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;

  constructor(path: string) {
    this.#session = connectHttp2("http://localhost", { createConnection: () => connect({ path }) });
    this.#session.on("error", () => {});
    this.#stream = this.#session.request({
      ":method": "POST",
      ":path": "/snakeden.v1.Bridge/Attach",
      "content-type": "application/grpc",
      te: "trailers",
    }, { endStream: false });
    const cutter = new FrameCutter(
      (bytes) =>
        bytes.length < PREFIX_BYTES
          ? undefined
          : [PREFIX_BYTES, PREFIX_BYTES + bytes.readUInt32BE(1)],
      (bytes) => this.onFrame(bytes),
    );
    this.#stream.on("data", (bytes: Buffer) => cutter.push(bytes));
    // The status of the call is in the trailers, or in the headers of a response without a body.
    this.#stream.on("trailers", () => this.#end());
    this.#stream.on("end", () => this.#end());
    this.#stream.on("close", () => this.#end());
    this.#stream.on("error", () => {});
  }

  write(bytes: Uint8Array): boolean {
    // Not compressed, then the length.
    const message = Buffer.alloc(PREFIX_BYTES + bytes.byteLength);
    message.writeUInt32BE(bytes.byteLength, 1);
    message.set(bytes, PREFIX_BYTES);
    return this.#stream.write(message);
  }

  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.once("drain", resolve));
  }

  end(): void {
    this.#stream.end();
  }

  vanish(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  close(): void {
    this.#session.destroy();
  }

  #end(): void {
    this.hasEnded = true;
    if (!this.#stream.closed) this.#stream.close();
  }
}

/** The flag and the length before each message of gRPC. */
const PREFIX_BYTES = 5;

/** Runs a test for each carrier. */
export function testEachCarrier(name: string, test: (carrier: CarrierKind) => Promise<void>): void {
  for (const carrier of ["socket", "grpc"] as const) {
    Deno.test(`${name} (${carrier})`, () => test(carrier));
  }
}
