import { Backoff, type Clock, SYSTEM_CLOCK } from "../../async/mod.ts";
import { type ErrorCode, SnakedenError } from "../../errors.ts";
import { Bound } from "./bound.ts";
import {
  connectionLost,
  hostUnreachable,
  neverConnected,
  reasonOf,
  type Tried,
  unexpectedAnswer,
} from "./failure.ts";
import { Host, nextHost } from "./hosts.ts";
import { isProblem, problemError } from "./problem_error.ts";
import { Reply } from "./reply.ts";

/** The attempts at a request that reached no host, or that may run twice. */
export interface RetryOptions {
  /** The most attempts, over all base URLs. Default: one for each base URL. */
  readonly maxAttempts?: number;
  /** The rest of a host after its first failure, which doubles with each further one. 250 ms. */
  readonly minRestMs?: number;
  /** The longest rest. 30,000 ms. */
  readonly maxRestMs?: number;
}

/** Options of a {@link Transport}. */
export interface TransportOptions {
  /** The base URLs, at least one. */
  readonly urls: readonly string[];
  readonly fetch: typeof fetch;
  readonly headers: Headers;
  readonly retry: RetryOptions;
  /** The time limit of a request that names none. */
  readonly timeoutMs: number;
  readonly clock?: Pick<Clock, "now">;
}

/** A request. */
export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path, from `/` on. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  /** Makes the body, instead of `body`. */
  readonly feed?: BodyFeed;
  readonly signal?: AbortSignal | undefined;
  /** The time limit; null for none. Default: that of the client. */
  readonly timeoutMs?: number | null | undefined;
  /** Returns the error for a request whose time is up. */
  readonly late?: () => Error;
  /** True if the request may be sent again although it may have run. Default: true for a GET. */
  readonly isRepeatable?: boolean;
  /** The only host that may answer. */
  readonly host?: Host;
  /** Statuses of 400 and more whose body is an answer, and no problem. */
  readonly statuses?: readonly number[];
}

/** A body that is made for each attempt, out of what must be closed by its owner. */
export interface BodyFeed {
  /** Makes the body. */
  open(): Promise<OpenedBody>;
  /** True if the body cannot be made again. */
  readonly isSpent: boolean;
  /** Aborts if the body fails, which ends the request. */
  readonly signal: AbortSignal;
}

/** A body, and the headers that it needs. */
export interface OpenedBody {
  readonly body: BodyInit;
  readonly headers: Readonly<Record<string, string>>;
}

/** The codes of refusals before a request has done anything, which another host may not share. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "shutting_down",
  "server_busy",
  "pool_unhealthy",
  "device_unavailable",
  "worker_start_failed",
]);

/** The outcome of an attempt that may be made again, at another host. */
class Elsewhere {
  readonly error: SnakedenError;
  readonly reason: string;
  /** The time after which the host wants to be asked again; 0 if it does not say. */
  readonly retryAfterMs: number;

  constructor(error: SnakedenError, reason: string, retryAfterMs = 0) {
    this.error = error;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Sends requests to the first host that answers, and reads problems. */
export class Transport {
  readonly hosts: readonly Host[];
  readonly #options: TransportOptions;
  readonly #rest: { readonly baseMs: number; readonly capMs: number };
  /** The requests that are open. A signal for all of them would have a listener for each. */
  readonly #open = new Set<Bound>();
  readonly #closing = new AbortController();

  constructor(options: TransportOptions) {
    const { urls, retry, clock = SYSTEM_CLOCK } = options;
    const { minRestMs: baseMs = 250, maxRestMs: capMs = 30_000 } = retry;
    this.#options = options;
    this.#rest = { baseMs, capMs };
    this.hosts = urls.map((url) => new Host(url, { clock, baseMs, capMs }));
  }

  /** Ends all open requests; later ones are refused. */
  close(): void {
    const { signal } = this.#closing;
    this.#closing.abort(new DOMException("The client is closed", "AbortError"));
    for (const bound of [...this.#open]) bound.abort(signal.reason);
  }

  /**
   * Sends a request and returns its answer, whose body must be read or left.
   *
   * @throws {SnakedenError} The error of the host, `host_unreachable`, `connection_lost` or
   * `unexpected_answer`. Throws the reason of the signal.
   */
  async send(ask: Ask): Promise<Reply> {
    const limit = ask.timeoutMs === undefined ? this.#options.timeoutMs : ask.timeoutMs;
    const timeoutMs = limit ?? undefined;
    const late = ask.late ?? ((): Error => lateAnswer(ask, timeoutMs ?? 0));
    this.#closing.signal.throwIfAborted();
    const bound = new Bound([ask.signal, ask.feed?.signal], { timeoutMs, late, open: this.#open });
    try {
      return await this.#attempts(ask, bound);
    } catch (error) {
      bound.close();
      throw error;
    }
  }

  async #attempts(ask: Ask, bound: Bound): Promise<Reply> {
    const hosts = ask.host === undefined ? this.hosts : [ask.host];
    const { maxAttempts = hosts.length } = this.#options.retry;
    const tried = new Set<Host>();
    const failures: Tried[] = [];
    const rounds = new Backoff(this.#rest);
    let retryAfterMs = 0;
    for (let left = ask.host === undefined ? maxAttempts : 1;; left--) {
      let host = nextHost(hosts, tried);
      if (host === undefined) {
        // All have failed: begin again, when the first of them has rested.
        tried.clear();
        host = nextHost(hosts, tried) as Host;
        const wantedMs = Math.min(retryAfterMs, this.#rest.capMs);
        await bound.pause(Math.max(host.restMs, rounds.failed(), wantedMs));
        retryAfterMs = 0;
      }
      tried.add(host);
      const result = await this.#attempt(ask, host, bound);
      if (result instanceof Reply) return result;
      failures.push({ url: host.url, reason: result.reason });
      retryAfterMs = Math.max(retryAfterMs, result.retryAfterMs);
      if (left > 1 && ask.feed?.isSpent !== true) continue;
      const { error } = result;
      throw error.code === "host_unreachable" ? hostUnreachable(failures, error.cause) : error;
    }
  }

  /** Makes one attempt. Throws what must not be tried again. */
  async #attempt(ask: Ask, host: Host, bound: Bound): Promise<Reply | Elsewhere> {
    const url = host.url + ask.path + queryOf(ask.query);
    const { method = "GET", isRepeatable = method === "GET" } = ask;
    const opened = ask.feed && await bound.until(ask.feed.open());
    const body = opened?.body ?? ask.body;
    let response: Response;
    try {
      response = await this.#options.fetch(url, {
        method,
        headers: this.#headersOf({ ...ask.headers, ...opened?.headers }),
        signal: bound.signal,
        ...(body === undefined ? {} : { body }),
        // Node and browsers want it for a body that is a stream.
        ...(opened === undefined ? {} : { duplex: "half" }),
      });
    } catch (error) {
      bound.signal.throwIfAborted();
      host.failed();
      const reason = reasonOf(error);
      if (neverConnected(error)) {
        return new Elsewhere(hostUnreachable([{ url: host.url, reason }], error), reason);
      }
      if (isRepeatable) return new Elsewhere(connectionLost(url, error), reason);
      throw connectionLost(url, error);
    }
    const reply = new Reply(response, { host, url, bound });
    const { status } = response;
    if (status < 400 || ask.statuses?.includes(status)) {
      host.answered();
      return reply;
    }
    return await this.#refusal(reply, { url, isRepeatable, bound });
  }

  async #refusal(
    reply: Reply,
    { url, isRepeatable, bound }: {
      readonly url: string;
      readonly isRepeatable: boolean;
      readonly bound: Bound;
    },
  ): Promise<Elsewhere> {
    const { host, response } = reply;
    // Not by the reply, which would end the bound of further attempts.
    const text = await response.text().catch((error) => {
      bound.signal.throwIfAborted();
      throw connectionLost(url, error);
    });
    const problem = problemOf(text);
    if (problem !== undefined) {
      const error = problemError(problem);
      const { code, message } = error;
      if (code === "shutting_down") host.failed();
      else host.answered();
      if (REFUSALS.has(code) && error.retryable) {
        return new Elsewhere(error, message, retryAfterOf(response));
      }
      throw error;
    }
    const error = unexpectedAnswer(url, response, text);
    const { status } = response;
    // A proxy answers 503 if it has no host to ask. After 502 and 504 the host may have begun.
    if (status === 502 || status === 503 || status === 504) {
      host.failed();
      if (status === 503 || isRepeatable) return new Elsewhere(error, `status ${status}`);
    }
    throw error;
  }

  #headersOf(own: Readonly<Record<string, string>> = {}): Headers {
    const headers = new Headers(this.#options.headers);
    for (const [name, value] of Object.entries(own)) headers.set(name, value);
    return headers;
  }
}

/** Returns the time of Retry-After, which hosts give in seconds. */
function retryAfterOf({ headers }: Response): number {
  const seconds = Number(headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

function problemOf(text: string): Parameters<typeof problemError>[0] | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isProblem(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

function queryOf(query: Ask["query"] = {}): string {
  const fields = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]]
  );
  return fields.length === 0 ? "" : `?${new URLSearchParams(fields)}`;
}

function lateAnswer({ method = "GET", path }: Ask, timeoutMs: number): SnakedenError {
  return new SnakedenError(
    "connection_lost",
    `${method} ${path} was not answered within ${timeoutMs} ms; the request may have run`,
    { retryable: true, details: { timeoutMs, mayHaveRun: true } },
  );
}
