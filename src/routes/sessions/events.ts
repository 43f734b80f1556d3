import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { VariableChange } from "../../sessions/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
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
      description: "The events, without an end.",
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
  /** The time without an event after which a comment is sent. */
  readonly heartbeatMs: number;
}

/** Adds `GET /v1/sessions/:id/events`. */
export function addEvents(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { heartbeatMs }: EventsOptions,
): void {
  app.openapi(route, async (c) => {
    const { variables } = await sessions.get(c.req.valid("param").id);
    const lastEventId = c.req.header("last-event-id");
    const after = lastEventId === undefined || lastEventId === ""
      ? await variables.position()
      : lastEventId;
    const body = new ChangeStream(variables.changes({ after }), { after, heartbeatMs });
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  });
}

type Bytes = Uint8Array<ArrayBuffer>;
type Step = IteratorResult<VariableChange, unknown>;

/**
 * The events of a session. It asks for a change only when the connection takes more, so it never
 * holds more than one; the store keeps the others, and says `reset` when they were too many.
 */
class ChangeStream implements UnderlyingDefaultSource<Bytes> {
  readonly #changes: AsyncIterator<VariableChange>;
  readonly #heartbeatMs: number;
  readonly #encoder = new TextEncoder();
  /** The text to send before the first event. */
  #greeting: string | undefined;
  /** The change that was asked for and has not come. */
  #pending: Promise<Step> | undefined;

  constructor(
    changes: AsyncIterator<VariableChange>,
    { after, heartbeatMs }: { readonly after: string; readonly heartbeatMs: number },
  ) {
    this.#changes = changes;
    this.#heartbeatMs = heartbeatMs;
    // With an id, so that a client that reconnects before the first event misses nothing.
    this.#greeting = `: following\nid: ${after}\n\n`;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const send = (text: string): void => controller.enqueue(this.#encoder.encode(text));
    if (this.#greeting !== undefined) {
      send(this.#greeting);
      this.#greeting = undefined;
      return;
    }
    try {
      const step = await this.#next();
      if (step === undefined) send(": heartbeat\n\n");
      else if (!step.done) send(eventOf(step.value));
      else {
        send("event: ended\ndata: {}\n\n");
        controller.close();
      }
    } catch (error) {
      // Whatever the reason is, the client reconnects and learns it then.
      if (!(error instanceof SnakedenError)) {
        getLogger("http").error("the events of a session broke off", { error });
      }
      controller.close();
    }
  }

  async cancel(): Promise<void> {
    await this.#changes.return?.();
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
