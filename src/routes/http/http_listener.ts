import { delay } from "../../async/mod.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { HOST_ENV, isOutOfDescriptors, lowestDescriptor } from "../../process/mod.ts";

/** The handler of a request; `info` has the address that it came from. */
export type HttpHandler = (
  request: Request,
  info: { readonly remoteAddr: Deno.Addr },
) => Response | Promise<Response>;

/** Options of an {@link HttpListener}. */
export interface HttpListenerOptions {
  /** An IP address or a host name; IPv6 may stand in brackets. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** The number of connections and other open files above which idle connections are closed. */
  readonly maxConnections: number;
}

/** Descriptors reserved for the rest of the host: to start workers, write files and listen. */
const RESERVED_DESCRIPTORS = 32;
/** The interval at which the listener checks that they are free, and counts descriptors in use. */
const PROBE_INTERVAL_MS = 1_000;
/** The pause after a failed attempt to listen again. */
const RELISTEN_PAUSE_MS = 50;
/** The shortest time between two warnings about descriptors. */
const WARNING_INTERVAL_MS = 10_000;

/**
 * The HTTP server of the host, which outlives its sockets. `Deno.serve` gives up for good when it
 * cannot accept a connection, as when the process is out of file descriptors, and it has no limit
 * for connections that send nothing.
 *
 * So there are generations of servers. When one can no longer accept connections, fewer than
 * {@link RESERVED_DESCRIPTORS} descriptors are free, or more than `maxConnections` are in use, that
 * generation is shut down and the next one listens on the same port. A generation that is shut down
 * closes connections that are idle or have not sent a whole request, which frees their descriptors,
 * and still serves running requests.
 */
export class HttpListener implements AsyncDisposable {
  readonly #log = getLogger("http");
  readonly #handler: HttpHandler;
  readonly #hostname: string;
  readonly #maxConnections: number;
  readonly #addr: Deno.NetAddr;
  readonly #probe: ReturnType<typeof setInterval>;
  readonly #closing = new Set<Promise<void>>();
  #current: Deno.HttpServer<Deno.NetAddr> | undefined;
  #relistening: Promise<void> | undefined;
  #stopped = false;
  #sheds = 0;
  #warnedAt = -Infinity;

  private constructor(options: HttpListenerOptions, handler: HttpHandler) {
    this.#hostname = options.host.replace(/^\[(.*)\]$/, "$1");
    this.#maxConnections = options.maxConnections;
    this.#handler = handler;
    this.#addr = this.#listen(options.port).addr;
    this.#probe = setInterval(() => this.#checkDescriptors(), PROBE_INTERVAL_MS);
    Deno.unrefTimer(this.#probe);
  }

  /** @throws {SnakedenError} `startup_failed`. */
  static open(options: HttpListenerOptions, handler: HttpHandler): HttpListener {
    const { host, port } = options;
    try {
      return new HttpListener(options, handler);
    } catch (error) {
      const inUse = error instanceof Deno.errors.AddrInUse;
      throw new SnakedenError(
        "startup_failed",
        inUse
          ? `Cannot listen on ${host}:${port}: the port is in use, perhaps by another Snakeden; ` +
            `choose another with --port or ${HOST_ENV.port} (0 takes any free one)`
          : `Cannot listen on ${host}:${port}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** The address as a client on this machine would write it. */
  get url(): string {
    const { hostname, port } = this.#addr;
    return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** The port that clients connect to. */
  get port(): number {
    return this.#addr.port;
  }

  /** Accepts no more connections; resolves when the last response is sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#probe);
    await this.#relistening;
    this.#retire();
    await Promise.all(this.#closing);
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const server = Deno.serve(
      {
        hostname: this.#hostname,
        port,
        onListen: () => {},
        onError: (error) => this.#onError(error),
      },
      this.#handler,
    );
    this.#current = server;
    server.finished.catch((error: unknown) => {
      if (this.#current === server) this.#shed(messageOf(error));
    });
    return server;
  }

  /**
   * Handles a response that broke off while it was sent, because its reader was disconnected. The
   * status is sent already.
   */
  #onError(error: unknown): Response {
    this.#log.info("a response broke off: {reason}", { reason: messageOf(error) });
    return new Response(null, { status: 500 });
  }

  /** Closes idle connections, and listens again. */
  #shed(reason: string): void {
    this.#sheds++;
    this.#warn("closed idle connections and listening again: {reason}", reason);
    this.#retire();
    this.#relistening ??= this.#relisten().finally(() => this.#relistening = undefined);
  }

  #warn(text: string, reason: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARNING_INTERVAL_MS) return;
    this.#warnedAt = now;
    this.#log.warn(text, { reason, times: this.#sheds });
  }

  /** Lets the current generation end by itself. */
  #retire(): void {
    const server = this.#current;
    this.#current = undefined;
    if (server === undefined) return;
    const closed = server.shutdown().catch((error: unknown) => {
      this.#log.debug("a listener did not close cleanly: {reason}", { reason: messageOf(error) });
    });
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  }

  async #relisten(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#listen(this.#addr.port);
        return;
      } catch (error) {
        // The socket of the last generation is still open, no descriptor is free yet, or another
        // process has taken the port meanwhile.
        this.#warn("the server cannot listen again yet: {reason}", messageOf(error));
        await delay(RELISTEN_PAUSE_MS);
      }
    }
  }

  #checkDescriptors(): void {
    if (this.#current === undefined) return;
    try {
      if (lowestDescriptor(RESERVED_DESCRIPTORS) > this.#maxConnections) {
        this.#shed(
          `more than ${this.#maxConnections} descriptors are in use (limits.maxConnections)`,
        );
      }
    } catch (error) {
      if (isOutOfDescriptors(error)) this.#shed(messageOf(error));
    }
  }
}
