import type { Greeter } from "./carrier.ts";
import { SocketDoor } from "./socket/mod.ts";

/** One kind of carrier. */
export interface CarrierType {
  /** The prefix of its addresses, by which the worker chooses its side of the carrier. */
  readonly scheme: string;
  /**
   * Name of its socket in the directory of the run; the longest one bounds the length of the
   * directory's path.
   */
  readonly socketName: string;
  /**
   * Listens on a Unix socket. Disposing the result ends every carrier that came by it.
   *
   * @throws If it cannot listen.
   */
  open(socketPath: string, greeter: Greeter): Promise<AsyncDisposable>;
}

/**
 * All kinds of carriers, by their name in the configuration. docs/adr/0004 says why there are two.
 */
export const CARRIERS = {
  socket: {
    scheme: "unix",
    socketName: "link.sock",
    open: (path, greeter) => Promise.resolve(SocketDoor.open(path, greeter)),
  },
  grpc: {
    scheme: "grpc+unix",
    socketName: "grpc.sock",
    async open(path, greeter): Promise<AsyncDisposable> {
      // grpc-js takes 30 ms and 8 MB; most hosts do without.
      const { GrpcDoor } = await import("./grpc/mod.ts");
      return await GrpcDoor.open(path, greeter);
    },
  },
} as const satisfies Readonly<Record<string, CarrierType>>;

/** Name of a carrier that a link can use. */
export type CarrierKind = keyof typeof CARRIERS;
