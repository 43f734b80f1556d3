import type { Greeter } from "./carrier.ts";
import { SocketListener } from "./socket/mod.ts";

/** A kind of carrier. */
export interface CarrierType {
  /** The prefix of its addresses, by which the worker chooses its own side of the carrier. */
  readonly scheme: string;
  /**
   * The name of its socket in the run directory. The longest name limits the length of the path of
   * that directory.
   */
  readonly socketName: string;
  /**
   * Listens on a Unix socket. Disposing the result ends all its carriers.
   *
   * @throws {Error} If it cannot listen.
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
    open: (path, greeter) => Promise.resolve(SocketListener.open(path, greeter)),
  },
  grpc: {
    scheme: "grpc+unix",
    socketName: "grpc.sock",
    async open(path, greeter): Promise<AsyncDisposable> {
      // Loaded on demand: grpc-js takes 30 ms and 8 MB, and most hosts do not need it.
      const { GrpcListener } = await import("./grpc/mod.ts");
      return await GrpcListener.open(path, greeter);
    },
  },
} as const satisfies Readonly<Record<string, CarrierType>>;

/** The name of a kind of carrier. */
export type CarrierKind = keyof typeof CARRIERS;
