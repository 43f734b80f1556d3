import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { Bound, connectionLost, type Host, type Transport } from "../http/mod.ts";
import type { ChangeOptions, VariableChange } from "../shapes/mod.ts";
import { EventReader, type SseEvent } from "../streams/mod.ts";

/** The attempts to reconnect, one after the other; about a minute. */
const MAX_FAILURES = 16;

/**
 * Returns the position of the last change of a session.
 *
 * @param session The path of the session.
 */
export async function positionOf(session: string, transport: Transport): Promise<string> {
  const reply = await transport.send(eventsOf(session));
  const reader = new EventReader(reply);
  try {
    return await reader.untilId();
  } finally {
    reader.leave();
  }
}

function eventsOf(session: string): { readonly path: string; readonly headers: Accept } {
  return { path: `${session}/events`, headers: { accept: "text/event-stream" } };
}

interface Accept extends Readonly<Record<string, string>> {
  readonly accept: "text/event-stream";
}

/** Follows the changes of a session; the request is sent at once. */
export function followChanges(
  session: string,
  transport: Transport,
  { after, signal }: ChangeOptions,
): AsyncIterableIterator<VariableChange> {
  const left = new AbortController();
  const bound = new Bound([signal, left.signal], {
    timeoutMs: undefined,
    late: () => new Error("late"),
  });
  const changes = new Changes({ session, transport, after, bound });
  const done = { done: true, value: undefined } as const;
  let hasEnded = false;
  const end = (): typeof done => {
    hasEnded = true;
    changes.leave();
    bound.close();
    return done;
  };
  return {
    next: async () => {
      if (hasEnded) return done;
      try {
        const value = await changes.next();
        return value === undefined ? end() : { done: false, value };
      } catch (error) {
        end();
        if (left.signal.aborted && signal?.aborted !== true) return done;
        throw error;
      }
    },
    return: () => {
      left.abort();
      return Promise.resolve(end());
    },
    [Symbol.asyncIterator](): AsyncIterableIterator<VariableChange> {
      return this;
    },
  };
}

class Changes {
  readonly #session: string;
  readonly #transport: Transport;
  readonly #bound: Bound;
  readonly #backoff = new Backoff({ baseMs: 100, capMs: 5_000 });
  #position: string | undefined;
  /** The host that has the session. */
  #host: Host | undefined;
  #opening: Promise<EventReader> | undefined;
  #reader: EventReader | undefined;
  #hasLeft = false;

  constructor({ session, transport, after, bound }: {
    readonly session: string;
    readonly transport: Transport;
    readonly after: string | undefined;
    readonly bound: Bound;
  }) {
    this.#session = session;
    this.#transport = transport;
    this.#position = after;
    this.#bound = bound;
    this.#opening = this.#open();
    // Whoever reads gets the error.
    this.#opening.catch(() => {});
  }

  /** Returns the next change; undefined when the session has ended. */
  async next(): Promise<VariableChange | undefined> {
    for (;;) {
      let cause: unknown = new Error("the events ended");
      try {
        this.#reader = await (this.#opening ??= this.#open());
        const event = await this.#reader.next();
        if (event !== undefined) {
          this.#backoff.reset();
          if (event.event === "ended") return undefined;
          if (event.id !== "") this.#position = event.id;
          return changeOf(event);
        }
      } catch (error) {
        this.#bound.signal.throwIfAborted();
        if (this.#host === undefined || !isPassing(error)) {
          if (this.#host !== undefined && isGone(error)) return undefined;
          throw error;
        }
        cause = error;
      }
      await this.#again(cause);
    }
  }

  leave(): void {
    this.#hasLeft = true;
    this.#reader?.leave();
    this.#opening?.then((reader) => reader.leave(), () => {});
  }

  async #again(cause: unknown): Promise<void> {
    const lastId = this.#reader?.lastId;
    if (lastId !== undefined && lastId !== "") this.#position = lastId;
    this.#reader?.leave();
    this.#reader = undefined;
    this.#opening = undefined;
    const pauseMs = this.#backoff.failed();
    if (this.#backoff.failures > MAX_FAILURES) {
      const note = `it could not be opened again in ${MAX_FAILURES} attempts`;
      const url = `${this.#host?.url ?? ""}${this.#session}/events`;
      throw connectionLost(url, cause, { note, mayHaveRun: false, position: this.#position });
    }
    await this.#bound.pause(pauseMs);
  }

  async #open(): Promise<EventReader> {
    const { path, headers } = eventsOf(this.#session);
    const reply = await this.#transport.send({
      path,
      headers: this.#position === undefined
        ? headers
        : { ...headers, "last-event-id": this.#position },
      signal: this.#bound.signal,
      timeoutMs: null,
      ...(this.#host === undefined ? {} : { host: this.#host }),
    });
    const reader = new EventReader(reply);
    if (this.#hasLeft) reader.leave();
    this.#host = reply.host;
    return reader;
  }
}

/**
 * Returns the change of an event.
 *
 * @throws {SnakedenError} `unexpected_answer` for an event that no host sends.
 */
function changeOf({ event, id, data }: SseEvent): VariableChange {
  let change: unknown;
  try {
    change = JSON.parse(data);
  } catch {
    // It is no record then.
  }
  if (isRecord(change)) return { kind: event, position: id, ...change } as VariableChange;
  const message = `The event ${event} of a session is not one of Snakeden: ${data.slice(0, 200)}`;
  throw new SnakedenError("unexpected_answer", message);
}

/** Returns true for an error after which the connection is worth another try. */
function isPassing(error: unknown): boolean {
  return !(error instanceof SnakedenError) || error.retryable;
}

/** Returns true if the session has ended while nobody was connected. */
function isGone(error: unknown): boolean {
  return error instanceof SnakedenError && error.code === "unknown_session";
}
