import { SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { Carrier, Greeter } from "./carriers/mod.ts";
import type { Hello, WorkerFrame } from "./gen/link.js";
import { Link, type LinkEvents } from "./link.ts";

/** The version of proto/snakeden/v1/link.proto. Twin of wire.py. */
export const PROTOCOL_VERSION = 1;

/** Time in which a stream has to say hello; a worker does at once, before it loads anything. */
export const HELLO_TIMEOUT_MS = 10_000;

/** A worker that is expected. */
export interface Invitation {
  readonly workerId: string;
  /** Single use. */
  readonly token: string;
  readonly events: LinkEvents;
  /** Withdraws the invitation. */
  readonly signal: AbortSignal;
}

interface Expected {
  readonly workerId: string;
  readonly events: LinkEvents;
  readonly accept: (link: Link) => void;
  readonly refuse: (error: SnakedenError) => void;
}

/**
 * Lets expected workers in, whichever carrier they come by: once, with the token they were started
 * with.
 */
export class Reception implements Greeter {
  readonly #log = getLogger("bridge");
  readonly #expected = new Map<string, Expected>();
  readonly #greeting = new Set<Carrier>();
  readonly #helloTimeoutMs: number;
  #closed = false;

  constructor(helloTimeoutMs: number) {
    this.#helloTimeoutMs = helloTimeoutMs;
  }

  /**
   * Expects one worker. Resolves with its link when it has said hello with the token.
   *
   * @throws {SnakedenError} `protocol_mismatch` when its hello was refused, `shutting_down` when it
   * is closed, or the reason of the signal.
   */
  async invite({ workerId, token, events, signal }: Invitation): Promise<Link> {
    signal.throwIfAborted();
    if (this.#closed) throw shuttingDown();
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#expected.set(token, { workerId, events, accept: resolve, refuse: reject });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#expected.delete(token);
    }
  }

  /**
   * Takes a new stream. The first frame has to open with a hello; what else it holds goes to the
   * link.
   */
  greet(carrier: Carrier): void {
    if (this.#closed) return carrier.close();
    const late = `No hello came within ${this.#helloTimeoutMs} ms`;
    const timer = setTimeout(() => this.#refuse(carrier, late), this.#helloTimeoutMs);
    this.#greeting.add(carrier);
    const leave = (): void => {
      clearTimeout(timer);
      this.#greeting.delete(carrier);
    };
    carrier.events = {
      onFrame: (frame) => {
        leave();
        this.#welcome(frame, carrier);
      },
      onDrain: () => {},
      onClosed: leave,
    };
  }

  /** Refuses all expected workers, and ends the streams without a hello. */
  close(): void {
    this.#closed = true;
    for (const { refuse } of this.#expected.values()) refuse(shuttingDown());
    for (const carrier of this.#greeting) carrier.close();
  }

  #welcome(frame: WorkerFrame, carrier: Carrier): void {
    const [first, ...rest] = frame.messages;
    const hello = first?.hello;
    const expected = hello ? this.#expected.get(hello.token) : undefined;
    const problem = problemOf(hello, expected);
    if (problem !== undefined || !hello || !expected) {
      this.#refuse(carrier, problem ?? "", hello?.workerId, expected);
      return;
    }
    this.#expected.delete(hello.token);
    const link = new Link(hello, carrier, expected.events);
    if (rest.length > 0) carrier.events?.onFrame({ messages: rest });
    expected.accept(link);
  }

  #refuse(carrier: Carrier, problem: string, workerId = "?", expected?: Expected): void {
    this.#log.warn("refused the worker {workerId}: {problem}", { workerId, problem });
    carrier.send([{ refused: { error: { code: "protocol_mismatch", message: problem } } }]);
    carrier.close();
    // Whatever it says after this is not a hello.
    carrier.events = undefined;
    this.#greeting.delete(carrier);
    expected?.refuse(new SnakedenError("protocol_mismatch", problem));
  }
}

function shuttingDown(): SnakedenError {
  return new SnakedenError("shutting_down", "Cannot expect a worker: the link server is closed");
}

function problemOf(hello: Hello | null | undefined, expected?: Expected): string | undefined {
  if (!hello) return "The first message of a worker has to be a hello";
  if (expected === undefined) return "The token is unknown, or was used before";
  if (hello.protocolVersion !== PROTOCOL_VERSION) {
    return `The worker speaks version ${hello.protocolVersion} of the link, the host version ` +
      `${PROTOCOL_VERSION}: install the package snakeden that belongs to this host`;
  }
  if (expected.workerId !== hello.workerId) {
    return `The token belongs to the worker ${expected.workerId}, not to ${hello.workerId}`;
  }
  return undefined;
}
