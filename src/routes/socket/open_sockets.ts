import { settlesWithin } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";

/** Limits on the WebSockets of a server. */
export interface SocketLimits {
  /** The most open sockets. */
  readonly maxSockets: number;
  /** The most connections, of which sockets may be half. */
  readonly maxConnections: number;
}

/** A connection that {@link OpenSockets} close. */
export interface ClosableSocket {
  /** Ends the connection. */
  close(code: number, reason: string): void;
  /** True from {@link ClosableSocket.close} on, or when the client has begun the end. */
  readonly isClosing: boolean;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
}

/** The time that clients have to answer the end of their connection. */
const CLOSE_MS = 1_000;

/**
 * The open WebSockets of a server, bounded in number, so that they can be closed together.
 *
 * The runtime waits without an end for a client that neither reads nor answers when its connection
 * is closed. As many sockets as may be open may wait so, beside those that are open.
 */
export class OpenSockets {
  readonly #limits: SocketLimits;
  readonly #sockets = new Set<ClosableSocket>();
  #isStopping = false;

  /** @param limits The limits, which are read each time, since they can change. */
  constructor(limits: SocketLimits) {
    this.#limits = limits;
  }

  get #max(): number {
    const { maxSockets, maxConnections } = this.#limits;
    return Math.min(maxSockets, Math.floor(maxConnections / 2));
  }

  /** The number of open sockets. */
  get size(): number {
    return this.#sockets.size;
  }

  /**
   * Refuses another socket if there are too many.
   *
   * @throws {SnakedenError} `server_busy` or `shutting_down`.
   */
  check(): void {
    if (this.#isStopping) {
      throw new SnakedenError("shutting_down", "The server is stopping", { retryable: true });
    }
    const closing = this.#sockets.values().reduce((sum, it) => sum + Number(it.isClosing), 0);
    const open = Math.max(this.#sockets.size - closing, this.#sockets.size - this.#max);
    if (open < this.#max) return;
    throw new SnakedenError(
      "server_busy",
      `Cannot open a WebSocket: ${open} are open; ${this.#max} are allowed ` +
        "(limits.maxSockets, and half of limits.maxConnections)",
      { retryable: this.#max > 0, details: { maxSockets: this.#max } },
    );
  }

  /** Adds a socket until it is closed. */
  add(socket: ClosableSocket): void {
    this.#sockets.add(socket);
    void socket.closed.then(() => this.#sockets.delete(socket));
  }

  /** Closes all sockets, and refuses others. Resolves when all are closed, or after a second. */
  async close(): Promise<void> {
    this.#isStopping = true;
    const sockets = [...this.#sockets];
    for (const it of sockets) it.close(1001, "the server is stopping");
    await settlesWithin(Promise.all(sockets.map((it) => it.closed)), CLOSE_MS);
  }
}
