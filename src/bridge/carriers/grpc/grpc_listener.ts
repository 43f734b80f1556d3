import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { type Greeter, MAX_FRAME_BYTES } from "../carrier.ts";
import { GrpcCarrier, type GrpcStream } from "./grpc_carrier.ts";

/**
 * The service: one bidirectional stream, see proto/snakeden/v1/link.proto. Frames pass as bytes.
 */
const SERVICE: ServiceDefinition = {
  Attach: {
    path: "/snakeden.v1.Bridge/Attach",
    requestStream: true,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (frame: Uint8Array) => asBuffer(frame),
    responseDeserialize: () => undefined,
  },
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A gRPC server on a Unix socket. Each worker opens one stream, Bridge/Attach. */
export class GrpcListener implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Listens on the socket.
   *
   * @throws {Error} If it cannot listen.
   */
  static async open(socketPath: string, greeter: Greeter): Promise<GrpcListener> {
    const server = new Server({
      "grpc.max_receive_message_length": MAX_FRAME_BYTES,
      "grpc.max_send_message_length": -1,
    });
    server.addService(SERVICE, {
      Attach: (stream: GrpcStream) => greeter.greet(new GrpcCarrier(stream)),
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(
        `unix:${socketPath}`,
        ServerCredentials.createInsecure(),
        (error) => error === null ? resolve() : reject(error),
      );
    });
    return new GrpcListener(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // `tryShutdown` alone would wait for the streams. `forceShutdown` alone would leave the handle
    // of the listener open.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.tryShutdown(() => resolve());
    this.#server.forceShutdown();
    await promise;
  }
}
