import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Carrier, CarrierEvents } from "./carrier.ts";
import type { HostFrameInit, WorkerFrame } from "./gen/link.js";

/** The carrier that a worker opens by calling Bridge/Attach. */
export class GrpcCarrier implements Carrier {
  events: CarrierEvents | undefined;
  readonly #stream: ServerDuplexStream<WorkerFrame, HostFrameInit>;
  #closed = false;

  constructor(stream: ServerDuplexStream<WorkerFrame, HostFrameInit>) {
    this.#stream = stream;
    stream.on("data", (frame: WorkerFrame) => this.events?.onFrame(frame));
    stream.on("drain", () => this.events?.onDrain());
    // Whichever of these comes first ends it: end is a worker that left in order, cancelled one that died.
    stream.on("end", () => this.#end("the worker ended the stream"));
    stream.on("cancelled", () => this.#end("the worker is gone"));
    stream.on("error", (error: Error) => this.#end(error.message));
    stream.on("close", () => this.#end("the stream closed"));
  }

  send(frame: HostFrameInit): boolean {
    return this.#closed || this.#stream.write(frame);
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
