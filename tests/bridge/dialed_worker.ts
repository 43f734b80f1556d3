import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import {
  type HelloInit,
  type HostMessage,
  snakeden,
  type WorkerMessageInit,
} from "../../src/bridge/gen/link.js";
import { until } from "../fixtures/until.ts";

const { HostFrame: hostFrame, WorkerFrame: workerFrame } = snakeden.v1;

/** What a worker of this version says first. */
export function hello(token: string, options: HelloInit = {}): WorkerMessageInit {
  return { hello: { protocolVersion: 1, workerId: "default-1", token, pid: 1, ...options } };
}

/** A worker without Python: a gRPC client that dials the socket and opens the stream. */
export class DialedWorker implements AsyncDisposable {
  /** All that came, in order. */
  readonly received: HostMessage[] = [];
  readonly frameSizes: number[] = [];
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
    this.#stream.on("data", (bytes: Uint8Array) => {
      const { messages } = hostFrame.decode(bytes);
      this.frameSizes.push(messages.length);
      this.received.push(...messages);
    });
    this.#stream.on("status", (status: StatusObject) => this.#status = status);
    // The status says it.
    this.#stream.on("error", () => {});
  }

  /** Sends one frame. */
  say(...messages: WorkerMessageInit[]): boolean {
    return this.sayBytes(workerFrame.encode({ messages }).finish());
  }

  sayBytes(bytes: Uint8Array): boolean {
    return this.#stream.write(bytes);
  }

  /** Resolves when what was written has gone out. */
  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.once("drain", resolve));
  }

  /** The message of this kind, when it has come. */
  async hear<K extends keyof HostMessage>(kind: K): Promise<NonNullable<HostMessage[K]>> {
    await until(() => this.received.some((it) => it[kind]), `a message ${kind} has come`);
    for (const message of this.received) {
      const body = message[kind];
      if (body) return body;
    }
    throw new Error("unreachable");
  }

  /** gRPC's status code, when the stream has ended. */
  async ended(): Promise<number> {
    await until(() => this.#status !== undefined, "the stream has ended");
    return this.#status?.code ?? -1;
  }

  get hasEnded(): boolean {
    return this.#status !== undefined;
  }

  /** Ends the stream as a worker does that leaves in order. */
  end(): void {
    this.#stream.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.cancel();
    await this.ended();
    this.#client.close();
  }
}
