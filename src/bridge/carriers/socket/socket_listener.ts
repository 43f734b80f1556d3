import { delay } from "../../../async/mod.ts";
import { messageOf } from "../../../errors.ts";
import { getLogger } from "../../../log.ts";
import type { Greeter } from "../carrier.ts";
import { SocketCarrier } from "./socket_carrier.ts";

/** The pause after a connection that could not be accepted. */
const RETRY_MS = 100;

/** A server on a plain Unix socket. Each worker is one connection. */
export class SocketListener implements AsyncDisposable {
  readonly #log = getLogger("bridge");
  readonly #listener: Deno.UnixListener;
  readonly #carriers = new Set<SocketCarrier>();
  readonly #accepting: Promise<void>;
  #closed = false;

  private constructor(listener: Deno.UnixListener, greeter: Greeter) {
    this.#listener = listener;
    this.#accepting = this.#accept(greeter);
  }

  /**
   * Listens on the socket.
   *
   * @throws {Error} If it cannot listen.
   */
  static open(socketPath: string, greeter: Greeter): SocketListener {
    return new SocketListener(Deno.listen({ transport: "unix", path: socketPath }), greeter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    for (const carrier of this.#carriers) carrier.close();
    await this.#accepting;
    await Promise.all([...this.#carriers].map((carrier) => carrier.ended));
  }

  async #accept(greeter: Greeter): Promise<void> {
    while (!this.#closed) {
      try {
        const carrier = new SocketCarrier(await this.#listener.accept());
        this.#carriers.add(carrier);
        void carrier.ended.then(() => this.#carriers.delete(carrier));
        greeter.greet(carrier);
      } catch (error) {
        if (this.#closed) return;
        // Tries again after an error such as too many open files. The worker, too, keeps trying
        // until its start times out.
        this.#log.warn("cannot accept the connection of a worker: {reason}", {
          reason: messageOf(error),
        });
        await delay(RETRY_MS);
      }
    }
  }
}
