import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { VariableChange, Variables } from "../../sessions/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv, TimeLimit, Wait } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
import { invalidBody } from "./request_fields.ts";
import { SESSION_PARAM } from "./session_schema.ts";
import type { SessionsSlice } from "./sessions.ts";

const route = createRoute({
  method: "get",
  path: "/v1/sessions/{id}/events",
  operationId: "followVariables",
  tags: ["sessions"],
  summary: "Follow the changes of the variables",
  description: "Server-Sent Events: `set` and `deleted` with the name and the version of a " +
    "variable; `reset` when changes were missed, after which all variables must be read again; " +
    "`ended` when the session has ended. A client that reconnects with `last-event-id` goes on " +
    "where it was.",
  request: { params: SESSION_PARAM },
  responses: {
    200: {
      description: "The events, until the session ends or the client leaves.",
      content: {
        "text/event-stream": {
          schema: {
            type: "object",
            required: ["id", "event", "data"],
            properties: {
              id: { type: "string" },
              event: { enum: ["set", "deleted", "reset", "ended"] },
              data: {
                type: "string",
                contentMediaType: "application/json",
                contentSchema: {
                  type: "object",
                  properties: { name: { type: "string" }, version: { type: "integer" } },
                },
              },
            },
          },
        },
      },
    },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Options of {@link addEvents}. */
export interface EventsOptions {
  readonly traffic: Pick<Traffic, "answers">;
  /** The time without an event after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
}

/** Adds `GET /v1/sessions/:id/events`. */
export function addEvents(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { traffic, heartbeatMs, removalOf }: EventsOptions,
): void {
  const { time } = traffic.answers;
  app.openapi(route, async (c) => {
    const { variables } = await sessions.get(c.req.valid("param").id);
    const after = c.req.header("last-event-id") || await variables.position();
    const changes = changesAfter(variables, after);
    const removal = removalOf(c.req.raw.headers);
    const body = new ChangeStream(changes, { after, heartbeatMs, time, removal });
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  });
}

/** @throws {InvalidInputError} `invalid_input` if `last-event-id` is no position. */
function changesAfter(variables: Variables, after: string): AsyncIterator<VariableChange> {
  try {
    return variables.changes({ after });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw invalidBody(error.issues.map((it) => ({ ...it, path: "last-event-id" })));
  }
}

/** Options of a {@link ChangeStream}. */
interface ChangeStreamOptions {
  /** The position after which the changes begin. */
  readonly after: string;
  readonly heartbeatMs: number;
  /** The time within which a reader must take what was sent. */
  readonly time: TimeLimit;
  /** Aborts when the API key of the reader is removed. */
  readonly removal: AbortSignal | undefined;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Step = IteratorResult<VariableChange, unknown>;

/**
 * The events of a session. It asks for a change only when the connection takes more, so it never
 * holds more than one; the store keeps the others, and says `reset` when they were too many.
 */
class ChangeStream implements UnderlyingDefaultSource<Bytes>, Wait {
  since = 0;
  readonly #changes: AsyncIterator<VariableChange>;
  readonly #heartbeatMs: number;
  readonly #time: TimeLimit;
  readonly #removal: AbortSignal | undefined;
  readonly #encoder = new TextEncoder();
  /** The text to send before the first event. */
  #greeting: string | undefined;
  /** The change that was asked for and has not come. */
  #pending: Promise<Step> | undefined;
  /** True once the end of the session was told. */
  #ended = false;
  /** True once the reader has left. */
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(
    changes: AsyncIterator<VariableChange>,
    { after, heartbeatMs, time, removal }: ChangeStreamOptions,
  ) {
    this.#changes = changes;
    this.#heartbeatMs = heartbeatMs;
    this.#time = time;
    this.#removal = removal;
    removal?.addEventListener("abort", this.#onRemoval);
    // With an id, so that a client that reconnects before the first event misses nothing.
    this.#greeting = `: following\nid: ${after}\n\n`;
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    // While nothing changes nobody can read anything.
    this.#time.end(this);
    let text: string | undefined;
    try {
      text = await this.#nextText();
    } catch (error) {
      // Whatever the reason is, the client reconnects and learns it then.
      if (!(error instanceof SnakedenError)) {
        getLogger("http").error("the events of a session broke off", { error });
      }
    }
    if (this.#left) return;
    if (text !== undefined) {
      controller.enqueue(this.#encoder.encode(text));
      this.#time.begin(this);
    } else {
      this.#forgetKey();
      controller.close();
    }
  }

  async cancel(): Promise<void> {
    this.#left = true;
    this.#forgetKey();
    this.#time.end(this);
    await this.#changes.return?.();
  }

  /** Disconnects a reader that has taken nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the events"));
    void this.cancel().catch(() => {});
  }

  /** The API key of the reader is no longer valid. */
  readonly #onRemoval = (): void => {
    if (!this.#left) this.#controller?.close();
    void this.cancel().catch(() => {});
  };

  #forgetKey(): void {
    this.#removal?.removeEventListener("abort", this.#onRemoval);
  }

  /** Returns the text to send next; undefined if there is no more. */
  async #nextText(): Promise<string | undefined> {
    const greeting = this.#greeting;
    this.#greeting = undefined;
    if (greeting !== undefined) return greeting;
    if (this.#ended) return undefined;
    const step = await this.#next();
    if (step === undefined) return ": heartbeat\n\n";
    if (!step.done) return eventOf(step.value);
    this.#ended = true;
    return "event: ended\ndata: {}\n\n";
  }

  /** Returns the next change; undefined if none has come in the time of a heartbeat. */
  async #next(): Promise<Step | undefined> {
    if (this.#pending === undefined) {
      this.#pending = this.#changes.next();
      // Whoever takes it still gets the error.
      this.#pending.catch(() => {});
    }
    const { promise: silence, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#heartbeatMs);
    try {
      const step = await Promise.race([this.#pending, silence]);
      if (step !== undefined) this.#pending = undefined;
      return step;
    } catch (error) {
      this.#pending = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function eventOf({ kind, position, name, version }: VariableChange): string {
  return `id: ${position}\nevent: ${kind}\ndata: ${JSON.stringify({ name, version })}\n\n`;
}
