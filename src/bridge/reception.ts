import { SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { Carrier, Greeter } from "./carriers/mod.ts";
import type { Hello, HostMessageInit, WorkerFrame } from "./gen/link.js";
import { Link } from "./link.ts";
import type { LinkEvents } from "./link_events.ts";

/** The version of proto/snakeden/v1/link.proto. Twin of wire.py. */
export const PROTOCOL_VERSION = 1;

/**
 * The time that a new stream has for its hello. A worker sends it at once, before it loads
 * anything.
 */
export const HELLO_TIMEOUT_MS = 10_000;

/**
 * The number of withdrawn tokens that are remembered. A worker whose token was withdrawn is ended
 * at once, so the oldest of these belong to workers that are gone.
 */
const MAX_WITHDRAWN = 1_000;

/** The description of an expected worker. */
export interface Invitation {
  readonly workerId: string;
  /** The secret by which the worker identifies itself; valid once. */
  readonly token: string;
  readonly events: LinkEvents;
  /** Withdraws the invitation when it aborts. */
  readonly signal: AbortSignal;
}

interface Expected {
  readonly workerId: string;
  readonly events: LinkEvents;
  readonly accept: (link: Link) => void;
  readonly refuse: (error: SnakedenError) => void;
}

/** Accepts expected workers on any carrier: each once, by the token that it was started with. */
export class Reception implements Greeter {
  readonly #log = getLogger("bridge");
  readonly #expected = new Map<string, Expected>();
  /** Tokens of invitations that the host has withdrawn, the oldest first. */
  readonly #withdrawn = new Set<string>();
  readonly #greeting = new Set<Carrier>();
  readonly #helloTimeoutMs: number;
  #closed = false;

  constructor(helloTimeoutMs: number) {
    this.#helloTimeoutMs = helloTimeoutMs;
  }

  /**
   * Expects one worker. Resolves to its link once a hello with the right token has arrived.
   *
   * @throws {SnakedenError} `protocol_mismatch` if the hello of the worker was refused,
   * `shutting_down` if this is closed, or the reason of the signal.
   */
  async invite({ workerId, token, events, signal }: Invitation): Promise<Link> {
    signal.throwIfAborted();
    if (this.#closed) throw shuttingDown();
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    const onAbort = (): void => {
      this.#withdraw(token);
      reject(signal.reason);
    };
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
   * Accepts a new stream. Its first frame must begin with a hello. All further messages of that
   * frame go to the link.
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

  /** Refuses all expected workers, and ends the streams that have not sent a hello. */
  close(): void {
    this.#closed = true;
    for (const [token, { refuse }] of this.#expected) {
      this.#withdraw(token);
      refuse(shuttingDown());
    }
    for (const carrier of this.#greeting) carrier.close();
  }

  #withdraw(token: string): void {
    if (!this.#expected.delete(token)) return;
    this.#withdrawn.add(token);
    const [oldest] = this.#withdrawn;
    if (this.#withdrawn.size > MAX_WITHDRAWN && oldest !== undefined) {
      this.#withdrawn.delete(oldest);
    }
  }

  #welcome(frame: WorkerFrame, carrier: Carrier): void {
    const [first, ...rest] = frame.messages;
    const hello = first?.hello;
    if (hello && this.#withdrawn.delete(hello.token)) {
      this.#log.debug("{workerId} came when it was no longer expected", {
        workerId: hello.workerId,
      });
      // A refusal would be printed by the worker; a stop ends it silently.
      return this.#sendAway(carrier, { stop: {} });
    }
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
    this.#sendAway(carrier, {
      refused: { error: { code: "protocol_mismatch", message: problem } },
    });
    expected?.refuse(new SnakedenError("protocol_mismatch", problem));
  }

  #sendAway(carrier: Carrier, answer: HostMessageInit): void {
    carrier.send([answer]);
    carrier.close();
    // Ignores everything that comes on it from now on.
    carrier.events = undefined;
    this.#greeting.delete(carrier);
  }
}

function shuttingDown(): SnakedenError {
  return new SnakedenError("shutting_down", "Cannot expect a worker: the link server is closed");
}

function problemOf(hello: Hello | null | undefined, expected?: Expected): string | undefined {
  if (!hello) return "The first message of a worker must be a hello";
  if (expected === undefined) return "The token is unknown, or was used before";
  if (hello.protocolVersion !== PROTOCOL_VERSION) {
    return `The worker speaks version ${hello.protocolVersion} of the link, the host version ` +
      `${PROTOCOL_VERSION}: install the snakeden package of this host`;
  }
  if (expected.workerId !== hello.workerId) {
    return `The token belongs to the worker ${expected.workerId}, not to ${hello.workerId}`;
  }
  return undefined;
}
