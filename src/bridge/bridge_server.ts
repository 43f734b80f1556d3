import { join } from "node:path";
import { messageOf, SnakedenError } from "../errors.ts";
import type { Link } from "./link.ts";
import { HELLO_TIMEOUT_MS, type Invitation, Reception } from "./reception.ts";
import { SocketDoor } from "./socket/mod.ts";

/** What a worker's link runs on: a plain Unix socket, or a gRPC stream. docs/adr/0004 says why there are two. */
export type CarrierKind = "socket" | "grpc";

/** How a {@link BridgeServer} listens. */
export interface BridgeOptions {
  /** The carriers that workers will come by. Default both. */
  readonly carriers?: readonly CarrierKind[];
  readonly helloTimeoutMs?: number;
}

/** Names of the sockets in their directory; the longer one bounds the length of the directory's path. */
const SOCKET_NAMES: Readonly<Record<CarrierKind, string>> = {
  socket: "link.sock",
  grpc: "grpc.sock",
};

/** Where workers dial home: one Unix socket a carrier. A worker gets in once, with the token it was started with. */
export class BridgeServer implements AsyncDisposable {
  readonly #directory: string;
  readonly #reception: Reception;
  readonly #doors = new AsyncDisposableStack();
  #stopped: Promise<void> | undefined;

  private constructor(directory: string, helloTimeoutMs: number) {
    this.#directory = directory;
    this.#reception = new Reception(helloTimeoutMs);
  }

  /**
   * Listens on Unix sockets in a directory, which has to exist and should be closed to others.
   *
   * @throws {SnakedenError} `startup_failed`.
   */
  static async listen(
    directory: string,
    { carriers = ["socket", "grpc"], helloTimeoutMs = HELLO_TIMEOUT_MS }: BridgeOptions = {},
  ): Promise<BridgeServer> {
    const bridge = new BridgeServer(directory, helloTimeoutMs);
    try {
      for (const kind of new Set(carriers)) await bridge.#open(kind);
    } catch (error) {
      await bridge[Symbol.asyncDispose]();
      throw error;
    }
    return bridge;
  }

  /** What a worker dials. */
  address(kind: CarrierKind): string {
    return `${kind === "grpc" ? "grpc+unix" : "unix"}:${this.#socketPath(kind)}`;
  }

  /**
   * Expects one worker. Resolves with its link when it has said hello with the token.
   *
   * @throws {SnakedenError} `protocol_mismatch` when its hello was refused, `shutting_down` when the server is disposed, or
   * the reason of the signal.
   */
  async invite(invitation: Invitation): Promise<Link> {
    return await this.#reception.invite(invitation);
  }

  /** Ends every stream and removes the sockets. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#reception.close();
    await this.#doors.disposeAsync();
  }

  async #open(kind: CarrierKind): Promise<void> {
    const path = this.#socketPath(kind);
    try {
      this.#doors.defer(() => removeIfThere(path));
      if (kind === "grpc") {
        // grpc-js takes 30 ms and 8 MB; most hosts do without.
        const { GrpcDoor } = await import("./grpc/mod.ts");
        this.#doors.use(await GrpcDoor.open(path, this.#reception));
      } else this.#doors.use(SocketDoor.open(path, this.#reception));
      await Deno.chmod(path, 0o600);
    } catch (error) {
      throw new SnakedenError(
        "startup_failed",
        `Cannot listen for workers on ${path}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  #socketPath(kind: CarrierKind): string {
    return join(this.#directory, SOCKET_NAMES[kind]);
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
