import type { Reception } from "./reception.ts";
import { SocketCarrier } from "./socket_carrier.ts";

/** A plain Unix socket: each worker is one connection. */
export class SocketDoor implements AsyncDisposable {
  readonly #listener: Deno.UnixListener;
  readonly #carriers = new Set<SocketCarrier>();
  readonly #accepting: Promise<void>;

  private constructor(listener: Deno.UnixListener, reception: Reception) {
    this.#listener = listener;
    this.#accepting = this.#accept(reception);
  }

  /** @throws What stands in the way of listening. */
  static open(socketPath: string, reception: Reception): SocketDoor {
    return new SocketDoor(Deno.listen({ transport: "unix", path: socketPath }), reception);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const carrier of this.#carriers) carrier.close();
    await this.#accepting;
    await Promise.all([...this.#carriers].map((carrier) => carrier.ended));
  }

  async #accept(reception: Reception): Promise<void> {
    for await (const conn of this.#listener) {
      const carrier = new SocketCarrier(conn);
      this.#carriers.add(carrier);
      void carrier.ended.then(() => this.#carriers.delete(carrier));
      reception.greet(carrier);
    }
  }
}
