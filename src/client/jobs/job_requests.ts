import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { type Ask, Bound, type Host, type Reply, type Transport } from "../http/mod.ts";

/** The most times that a request is sent whose answers are lost. */
const MAX_ATTEMPTS = 4;

/** Sends requests about jobs: to the one host that has them, if that is known. */
export class JobRequests {
  readonly host: Host | undefined;
  readonly #transport: Transport;

  constructor(transport: Transport, host?: Host) {
    this.#transport = transport;
    this.host = host;
  }

  /** Returns the same for one host. */
  at(host: Host): JobRequests {
    return new JobRequests(this.#transport, host);
  }

  /** Returns the same for the host that an error says was reached, if that is known. */
  after(error: unknown): JobRequests {
    const lost = this.host === undefined ? this.#lostAnswer(error) : undefined;
    return lost === undefined ? this : this.at(lost.host);
  }

  /** Sends a request and returns its answer, whose body must be read or left. */
  async send(ask: Ask): Promise<Reply> {
    return await this.#transport.send(this.host === undefined ? ask : { host: this.host, ...ask });
  }

  /**
   * Sends a request that has its effect once, however often it is sent to one host. If its answer
   * is lost, it is sent again to the same host: another one would not know of the first time.
   *
   * @param read Reads the answer.
   * @throws {SnakedenError} The first `connection_lost` if no answer came at all.
   */
  async sendAgain<T>(ask: Ask, read: (reply: Reply) => Promise<T>): Promise<T> {
    const backoff = new Backoff({ baseMs: 50, capMs: 1_000 });
    let lost: { readonly error: SnakedenError; readonly host: Host } | undefined;
    for (let attempt = 1;; attempt++) {
      try {
        return await read(await this.send(lost === undefined ? ask : { ...ask, host: lost.host }));
      } catch (error) {
        lost ??= this.#lostAnswer(error);
        if (lost === undefined || !isPassing(error)) throw error;
        if (attempt === MAX_ATTEMPTS) throw lost.error;
      }
      await pause(Math.max(lost.host.restMs, backoff.failed()), ask.signal);
    }
  }

  /** Returns the host whose answer was lost; undefined if the request has not run anywhere. */
  #lostAnswer(
    error: unknown,
  ): { readonly error: SnakedenError; readonly host: Host } | undefined {
    if (!(error instanceof SnakedenError)) return undefined;
    const { code, details: { url, status } } = error;
    const isLost = code === "connection_lost" ||
      (code === "unexpected_answer" && (status === 502 || status === 504));
    const host = this.#transport.hosts.find((it) => String(url).startsWith(`${it.url}/v1/`));
    return isLost && host !== undefined ? { error, host } : undefined;
  }
}

/** Returns true for an error after which a request is worth another try, while there is time. */
export function isPassing(error: unknown): boolean {
  return error instanceof SnakedenError && error.retryable;
}

/** Waits, at most until the signal aborts, whose reason is thrown. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
  try {
    await bound.pause(ms);
  } finally {
    bound.close();
  }
}
