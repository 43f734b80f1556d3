import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Carrier, CarrierEvents } from "./carrier.ts";
import { FrameWriter, HEADER_BYTES, type OutgoingMessage } from "./frame_writer.ts";
import type { WorkerFrame } from "./gen/link.js";

/** What a worker says, decoded; and what is said to it, encoded. */
export type GrpcStream = ServerDuplexStream<WorkerFrame, Uint8Array>;

/** The carrier that a worker opens by calling Bridge/Attach. */
export class GrpcCarrier implements Carrier {
  events: CarrierEvents | undefined;
  /** gRPC does not tell. */
  readonly readToEnd = false;
  heard = 0;
  readonly #stream: GrpcStream;
  readonly #frames = new FrameWriter();
  #closed = false;

  constructor(stream: GrpcStream) {
    this.#stream = stream;
    stream.on("data", (frame: WorkerFrame) => {
      this.heard++;
      this.events?.onFrame(frame);
    });
    stream.on("drain", () => this.events?.onDrain());
    // Whichever of these comes first ends it: end is a worker that left in order, cancelled one that died.
    stream.on("end", () => this.#end("the worker ended the stream"));
    stream.on("cancelled", () => this.#end("the worker is gone"));
    stream.on("error", (error: Error) => this.#end(error.message));
    stream.on("close", () => this.#end("the stream closed"));
  }

  defer(flush: () => void): void {
    queueMicrotask(flush);
  }

  send(messages: readonly OutgoingMessage[]): boolean {
    // gRPC keeps what it is given until it is sent.
    return this.#closed || this.#stream.write(this.#frames.write(messages).slice(HEADER_BYTES));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.end();
  }

  #end(reason: string): void {
    this.close();
    const { events } = this;
    this.events = undefined;
    events?.onClosed(reason);
  }
}
