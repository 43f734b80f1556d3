import { shownValue } from "../../../calls/mod.ts";
import type { JobEvent } from "../../../jobs/mod.ts";
import { EVENT_HEADERS, onOneLine, PulledEvents } from "../../calls/mod.ts";
import { around, type JsonPiece } from "../job_answer.ts";
import type { JobJsonWriter } from "../job_json.ts";
import type { JobRouteOptions, JobsSlice } from "../jobs_slice.ts";
import { invalidBody } from "../../schema/mod.ts";

const JOB = { $ref: "#/components/schemas/Job" };

/** The data of each event, and whether it has an id. */
const EVENTS = [
  ["state", JOB, false],
  ["progress", {}, false],
  [
    "chunk",
    { type: "object", properties: { run: { type: "integer" }, value: {} } },
    true,
  ],
  ["reset", { type: "object" }, true],
  ["end", JOB, true],
] as const;

/** The body of an answer with the events of a job. */
export const EVENTS_CONTENT: object = {
  "text/event-stream": {
    schema: {
      oneOf: EVENTS.map(([name, contentSchema, hasId]) => ({
        type: "object",
        required: hasId ? ["id", "event", "data"] : ["event", "data"],
        properties: {
          ...(hasId ? { id: { type: "string" } } : {}),
          event: { const: name },
          data: { type: "string", contentMediaType: "application/json", contentSchema },
        },
      })),
    },
  },
};

/** The header with the position from which a client goes on. */
export const POSITION_HEADER = {
  name: "last-event-id",
  in: "header" as const,
  required: false,
  description: "The id of the last event that was seen.",
  schema: { type: "string" as const, pattern: "^\\d{0,15}$" },
};

/** Options of {@link JobEventStreams}. */
export interface JobEventStreamsOptions extends JobRouteOptions {
  readonly heartbeatMs: number;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
}

/** Answers requests with the events of a job. */
export class JobEventStreams {
  readonly #jobs: Pick<JobsSlice, "events">;
  readonly #options: JobEventStreamsOptions;

  constructor(jobs: Pick<JobsSlice, "events">, options: JobEventStreamsOptions) {
    this.#jobs = jobs;
    this.#options = options;
  }

  /**
   * Returns the events of a job behind a position; undefined if the client has seen the end.
   *
   * @throws {SnakedenError} `unknown_job`.
   */
  async answer(
    id: string,
    request: Request,
    { after, status = 200, headers = {} }: {
      readonly after: number;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<Response | undefined> {
    const { traffic, writer, heartbeatMs, removalOf } = this.#options;
    const leaving = new AbortController();
    const { signal } = leaving;
    const events = this.#jobs.events(id, { after, signal });
    const first = await firstEvents(events, after);
    if (first.length === 0) return undefined;
    const body = new PulledEvents(resumed(first, events), {
      of: "a job",
      textOf: (event) => eventPiece(event, writer, signal),
      heartbeatMs,
      time: traffic.answers.time,
      removal: removalOf(request.headers),
      leave: () => {
        leaving.abort();
        // Ends them also if the first one was never read.
        events.return().catch(() => {});
      },
    });
    const answer = { status, headers: { ...EVENT_HEADERS, ...headers } };
    if (request.method === "HEAD") {
      await body.cancel();
      return new Response(null, answer);
    }
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), answer);
  }
}

/**
 * Returns the position that a client names in the header `last-event-id`; 0 for the beginning.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function positionOf(lastEventId: string | undefined): number {
  if (lastEventId === undefined || lastEventId === "") return 0;
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  const message = `given ${shownValue(lastEventId)}; allowed: the id of an event of the job`;
  throw invalidBody([{ path: "last-event-id", message }]);
}

/**
 * Returns the events with which a stream begins: the state, or nothing if the client has seen the
 * end. It would come back again and again otherwise.
 *
 * @throws {SnakedenError} What tells of a job that cannot be followed.
 */
async function firstEvents(
  events: AsyncGenerator<JobEvent, void>,
  after: number,
): Promise<JobEvent[]> {
  const { value: state } = await events.next();
  if (state === undefined) return [];
  if (state.type !== "state" || !state.job.done || after === 0) return [state];
  const { value: event } = await events.next();
  return event === undefined ? [] : [state, event];
}

async function* resumed(
  first: readonly JobEvent[],
  rest: AsyncGenerator<JobEvent, void>,
): AsyncGenerator<JobEvent, void> {
  yield* first;
  yield* rest;
}

async function eventPiece(
  event: JobEvent,
  writer: JobJsonWriter,
  signal: AbortSignal,
): Promise<JsonPiece> {
  const id = "id" in event ? `id: ${event.id}\n` : "";
  return around(`${id}event: ${event.type}\ndata: `, await dataOf(event, writer, signal), "\n\n");
}

async function dataOf(
  event: JobEvent,
  writer: JobJsonWriter,
  signal: AbortSignal,
): Promise<JsonPiece> {
  switch (event.type) {
    case "state":
    case "end":
      return lineOf(await writer.job(event.job, signal));
    case "progress":
      return JSON.stringify(event.progress);
    case "chunk": {
      const value = lineOf(await writer.value(event.value, signal));
      return around(`{"run":${event.run},"value":`, value, "}");
    }
    case "reset":
      return "{}";
  }
}

/** Returns JSON without line breaks, which would end the data. */
function lineOf(piece: JsonPiece): JsonPiece {
  return typeof piece === "string" ? piece.replaceAll(/[\r\n]/g, " ") : piece.map(onOneLine);
}
