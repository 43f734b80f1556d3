import type { ServerDuplexStream } from "@grpc/grpc-js";
import { messageOf } from "../../../errors.ts";
import type { Carrier, CarrierEvents } from "../carrier.ts";
import { FrameWriter, HEADER_BYTES, type OutgoingMessage } from "../frame_writer.ts";
import { snakeden } from "../../gen/link.js";

const { WorkerFrame: workerFrame } = snakeden.v1;

/** The stream of encoded frames in both directions. */
export type GrpcStream = ServerDuplexStream<Uint8Array, Uint8Array>;

/** The carrier of a worker that has called Bridge/Attach. */
export class GrpcCarrier implements Carrier {
  events: CarrierEvents | undefined;
  /** Always false, since gRPC does not show it. */
  readonly readToEnd = false;
  heard = 0;
  readonly #stream: GrpcStream;
  readonly #frames = new FrameWriter();
  #closed = false;

  constructor(stream: GrpcStream) {
    this.#stream = stream;
    stream.on("data", (bytes: Uint8Array) => {
      this.heard++;
      this.#deliver(bytes);
    });
    stream.on("drain", () => this.events?.onDrain());
    // The first of these ends the carrier: "end" after an orderly end of the worker, "cancelled"
    // after its death.
    stream.on("end", () => this.#end("the worker ended the stream"));
    stream.on("cancelled", () => this.#end("the worker is gone"));
    stream.on("error", (error: Error) => this.#end(error.message));
    stream.on("close", () => this.#end("the stream closed"));
  }

  defer(flush: () => void): void {
    queueMicrotask(flush);
  }

  send(messages: readonly OutgoingMessage[]): boolean {
    // gRPC keeps the bytes until they are sent, so it gets a copy.
    return this.#closed || this.#stream.write(this.#frames.write(messages).slice(HEADER_BYTES));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.end();
  }

  /** Catches all errors: gRPC would pass them to the event loop as uncaught. */
  #deliver(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      const frame = workerFrame.decode(bytes);
      this.events?.onFrame(frame);
    } catch (error) {
      this.#end(`a frame cannot be decoded: ${messageOf(error)}`, true);
    }
  }

  #end(reason: string, isBreach = false): void {
    this.close();
    const { events } = this;
    this.events = undefined;
    events?.onClosed(reason, isBreach);
  }
}
