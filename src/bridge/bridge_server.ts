import { join } from "node:path";
import { messageOf, SnakedenError } from "../errors.ts";
import { type CarrierKind, CARRIERS } from "./carriers/mod.ts";
import type { Link } from "./link.ts";
import { HELLO_TIMEOUT_MS, type Invitation, Reception } from "./reception.ts";

/** Options of {@link BridgeServer.listen}. */
export interface BridgeOptions {
  /** The carriers that workers will use; all if omitted. */
  readonly carriers?: readonly CarrierKind[];
  readonly helloTimeoutMs?: number;
}

/**
 * The server that workers connect to, with one Unix socket for each carrier. It accepts each worker
 * once, by the token that the worker was started with.
 */
export class BridgeServer implements AsyncDisposable {
  readonly #directory: string;
  readonly #reception: Reception;
  readonly #listeners = new AsyncDisposableStack();
  readonly #opened = new Map<CarrierKind, Promise<void>>();
  #stopped: Promise<void> | undefined;

  private constructor(directory: string, helloTimeoutMs: number) {
    this.#directory = directory;
    this.#reception = new Reception(helloTimeoutMs);
  }

  /**
   * Listens on Unix sockets in a directory. The directory must exist, and no other user should be
   * able to enter it.
   *
   * @throws {SnakedenError} `startup_failed`.
   */
  static async listen(
    directory: string,
    { carriers = ["socket", "grpc"], helloTimeoutMs = HELLO_TIMEOUT_MS }: BridgeOptions = {},
  ): Promise<BridgeServer> {
    const bridge = new BridgeServer(directory, helloTimeoutMs);
    try {
      for (const kind of carriers) await bridge.open(kind);
    } catch (error) {
      await bridge[Symbol.asyncDispose]();
      throw error;
    }
    return bridge;
  }

  /**
   * Listens for workers with this carrier, unless it does already.
   *
   * @throws {SnakedenError} `startup_failed`.
   */
  open(kind: CarrierKind): Promise<void> {
    let opening = this.#opened.get(kind);
    if (opening === undefined) {
      opening = this.#listen(kind);
      this.#opened.set(kind, opening);
      opening.catch(() => this.#opened.delete(kind));
    }
    return opening;
  }

  /** Returns the address that a worker connects to. */
  address(kind: CarrierKind): string {
    return `${CARRIERS[kind].scheme}:${this.#socketPath(kind)}`;
  }

  /**
   * Expects one worker. Resolves with its link once its hello has come with the right token.
   *
   * @throws {SnakedenError} `protocol_mismatch` if the hello of the worker was refused,
   * `shutting_down` if the server is disposed, or the reason of the signal.
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
    await this.#listeners.disposeAsync();
  }

  async #listen(kind: CarrierKind): Promise<void> {
    const path = this.#socketPath(kind);
    try {
      this.#listeners.defer(() => removeIfThere(path));
      this.#listeners.use(await CARRIERS[kind].open(path, this.#reception));
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
    return join(this.#directory, CARRIERS[kind].socketName);
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
