import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
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
  const carrier = kind === "unix" ? new SocketStream(path) : new GrpcStream(`unix:${path}`);
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
  #parts: Buffer[] = [];

  constructor(path: string) {
    this.#socket = connect({ path, allowHalfOpen: true });
    this.#socket.on("data", (bytes: Buffer) => this.#cut(bytes));
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

  #cut(bytes: Buffer): void {
    this.#parts.push(bytes);
    const known = this.#parts.reduce((sum, { length }) => sum + length, 0);
    const [first] = this.#parts;
    // Joins the pieces of a large frame only once it is complete.
    if (first && first.length >= 4 && known < 4 + first.readUInt32LE()) return;
    let rest = Buffer.concat(this.#parts);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
      const end = 4 + rest.readUInt32LE();
      this.onFrame(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
    this.#parts = [rest];
  }
}

/** The other end of a GrpcCarrier. */
class GrpcStream implements Stream {
  onFrame: (bytes: Uint8Array) => void = () => {};
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<Uint8Array, Uint8Array>;
  #status: StatusObject | undefined;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#stream = this.#client.makeBidiStreamRequest(
      "/snakeden.v1.Bridge/Attach",
      (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      (bytes: Buffer) => bytes,
    );
    this.#stream.on("data", (bytes: Uint8Array) => this.onFrame(bytes));
    this.#stream.on("status", (status: StatusObject) => this.#status = status);
    // The status shows it.
    this.#stream.on("error", () => {});
  }

  get hasEnded(): boolean {
    return this.#status !== undefined;
  }

  write(bytes: Uint8Array): boolean {
    return this.#stream.write(bytes);
  }

  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.once("drain", resolve));
  }

  end(): void {
    this.#stream.end();
  }

  vanish(): void {
    this.#stream.cancel();
  }

  close(): void {
    this.#client.close();
  }
}

/** Runs a test for each carrier. */
export function testEachCarrier(name: string, test: (carrier: CarrierKind) => Promise<void>): void {
  for (const carrier of ["socket", "grpc"] as const) {
    Deno.test(`${name} (${carrier})`, () => test(carrier));
  }
}
