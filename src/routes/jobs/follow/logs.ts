import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { shownValue } from "../../../calls/mod.ts";
import { jsonLinesOf, type LogItem, type LogLine } from "../../../jobs/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import { EVENT_HEADERS, PulledEvents } from "../../calls/mod.ts";
import type { AppEnv, Shown } from "../../http/mod.ts";
import { invalidBody, onceEach, problemAnswers } from "../../schema/mod.ts";
import { checkedId } from "../job_fields.ts";
import { JOB_PARAM } from "../job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "../jobs_slice.ts";

const FORMATS = ["sse", "text", "ndjson"] as const;
type Format = typeof FORMATS[number];

/** The media types of the forms. */
const TYPES = {
  sse: "text/event-stream",
  text: "text/plain",
  ndjson: "application/x-ndjson",
} as const satisfies Record<Format, string>;

/** No text without a meaning may stand between lines that are no events. */
const NO_HEARTBEAT_MS = 2 ** 31 - 1;

const TEXT = { type: "string" as const };
const LINE = {
  type: "object" as const,
  required: ["n", "run", "at", "source", "text"],
  properties: {
    n: { type: "integer" as const, description: "The number of the line, from 1." },
    run: { type: "integer" as const, description: "The run that has written it." },
    at: { ...TEXT, format: "date-time" },
    source: { enum: ["stdout", "stderr", "log", "host"] },
    level: TEXT,
    logger: TEXT,
    text: TEXT,
  },
};

const RESET = { type: "object" as const };
const END = {
  ...RESET,
  properties: {
    state: TEXT,
    gone: { const: true, description: "The job was removed meanwhile, perhaps with some lines." },
  },
  oneOf: [{ required: ["state"] }, { required: ["gone"] }],
};

/** Returns the schema of an event. A line has an id. */
function eventOf(name: string, contentSchema: object): object {
  return {
    type: "object",
    required: contentSchema === LINE ? ["id", "event", "data"] : ["event", "data"],
    properties: {
      ...(contentSchema === LINE ? { id: TEXT } : {}),
      event: { const: name },
      data: { ...TEXT, contentMediaType: "application/json", contentSchema },
    },
  };
}

const route = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/logs",
  operationId: "getJobLogs",
  tags: ["jobs"],
  summary: "Read the log of a job",
  description: "What its runs have printed and logged, and what Snakeden says about it (`host`). " +
    "By default Server-Sent Events: `line`, with the number of the line as `id`; `reset` if the " +
    "log has no such line, before its first one; `end` when the job has ended, with its `state`, " +
    "or `gone` if the job was removed meanwhile. A client that reconnects with `last-event-id` goes on behind that line.",
  parameters: [
    {
      name: "follow",
      in: "query" as const,
      required: false,
      description: "`false` for the lines so far. By default, the response follows the log.",
      schema: { ...TEXT, enum: ["true", "false"] },
    },
    {
      name: "format",
      in: "query" as const,
      required: false,
      description: "By default `sse`, and `text` with `follow=false`.",
      schema: { ...TEXT, enum: [...FORMATS] },
    },
    {
      name: "tail",
      in: "query" as const,
      required: false,
      description: "Begins with this many of the last lines, at a place that an `id` without an " +
        "event tells. Ignored with `last-event-id`.",
      schema: { type: "integer" as const, minimum: 0 },
    },
    {
      name: "last-event-id",
      in: "header" as const,
      required: false,
      description: "The number of the last line that was seen.",
      schema: { type: "string" as const, pattern: "^\\d{0,15}$" },
    },
  ],
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "The lines.",
      content: {
        [TYPES.sse]: {
          schema: {
            oneOf: [eventOf("line", LINE), eventOf("reset", RESET), eventOf("end", END)],
          },
        },
        [TYPES.text]: { schema: TEXT },
        [TYPES.ndjson]: { schema: LINE },
      },
    },
    204: { description: "The job has ended, and the client has seen its last line." },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Options of {@link addJobLogs}. */
interface JobLogsRouteOptions extends JobRouteOptions {
  readonly heartbeatMs: number;
  /** Without `output`, only the lines of Snakeden itself are shown. */
  readonly shown: Pick<Shown, "output">;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
}

/** Adds `GET /v1/jobs/:id/logs`. */
export function addJobLogs(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, shown, heartbeatMs, removalOf }: JobLogsRouteOptions,
): void {
  app.openapi(route, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    const asked = onceEach(c.req.queries(), ["follow", "format", "tail"]);
    const follow = followOf(asked.follow);
    const format = formatOf(asked.format) ?? (follow ? "sse" : "text");
    const lastId = c.req.header("last-event-id");
    const seen = numberOf("last-event-id", lastId === "" ? undefined : lastId);
    const after = seen ?? 0;
    // A client that reconnects has the place where its last lines begin, though it be the first.
    const tail = seen === undefined ? numberOf("tail", asked.tail) : undefined;
    const leaving = new AbortController();
    const { signal } = leaving;
    const options = { after, follow, signal, ...(tail === undefined ? {} : { tail }) };
    const parts = jobs.logParts(id, options);
    // Throws what tells of a job that there is not, before anything is sent.
    const job = await jobs.get(id);
    const first = job.done && after > 0 ? await parts.next() : undefined;
    // A client that reconnects would do so again and again otherwise.
    if (first?.done === true && format === "sse") return c.body(null, 204);
    const write = writerOf(format, shown.output);
    const texts = async function* (): AsyncGenerator<string, void> {
      if (first?.done === false) yield write(first.value);
      if (first?.done !== true) { for await (const item of parts) yield write(item); }
      if (format === "sse") yield await endText(jobs, id);
    };
    const body = new PulledEvents(withoutEmpty(texts()), {
      of: "the log of a job",
      textOf: (text) => text,
      heartbeatMs: format === "sse" ? heartbeatMs : NO_HEARTBEAT_MS,
      time: traffic.answers.time,
      removal: removalOf(c.req.raw.headers),
      leave: () => {
        leaving.abort();
        parts.return().catch(() => {});
      },
    });
    const headers = { ...EVENT_HEADERS, "content-type": `${TYPES[format]}; charset=utf-8` };
    if (c.req.raw.method === "HEAD") {
      await body.cancel();
      return new Response(null, { headers });
    }
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), { headers });
  });
}

/** A reader who waits for a text would wait forever behind an empty one. */
async function* withoutEmpty(texts: AsyncIterable<string>): AsyncGenerator<string, void> {
  for await (const text of texts) if (text !== "") yield text;
}

/** Returns a function for the text of lines in a form. */
function writerOf(format: Format, showsOutput: boolean): (item: LogItem) => string {
  return (item) => {
    // An id without an event, with which a client reconnects that has seen no line yet.
    if (item.kind === "start") return format === "sse" ? `id: ${item.after}\n\n` : "";
    if (item.kind === "reset") return format === "sse" ? "event: reset\ndata: {}\n\n" : "";
    const { first } = item.part;
    let text = "";
    for (const [i, line] of jsonLinesOf(item.part).entries()) {
      if (!showsOutput && !isOfHost(line)) continue;
      if (format === "sse") text += `id: ${first + i}\nevent: line\ndata: ${line}\n\n`;
      else text += `${format === "ndjson" ? line : plainLine(line)}\n`;
    }
    return text;
  };
}

function isOfHost(line: string): boolean {
  return (JSON.parse(line) as LogLine).source === "host";
}

/** Returns a line for people: time, source and text. */
function plainLine(line: string): string {
  const { at, source, level, logger, text } = JSON.parse(line) as LogLine;
  const about = [source, level, logger].filter((it) => it !== undefined).join(" ");
  return `${at} ${about}: ${text}`;
}

async function endText(jobs: JobsSlice, id: string): Promise<string> {
  return `event: end\ndata: ${JSON.stringify(await endOf(jobs, id))}\n\n`;
}

/** Returns the data of the end; the job may have been removed while its log was read. */
async function endOf(jobs: JobsSlice, id: string): Promise<{ state: string } | { gone: true }> {
  try {
    const { state } = await jobs.get(id);
    return { state };
  } catch (error) {
    if (error instanceof SnakedenError && error.code === "unknown_job") return { gone: true };
    throw error;
  }
}

/** @throws {InvalidInputError} `invalid_input`. */
function followOf(given: string | undefined): boolean {
  if (given === undefined || given === "true") return true;
  if (given === "false") return false;
  throw wrong("follow", given, "true, false");
}

/** @throws {InvalidInputError} `invalid_input`. */
function formatOf(given: string | undefined): Format | undefined {
  const format = FORMATS.find((it) => it === given);
  if (given === undefined || format !== undefined) return format;
  throw wrong("format", given, FORMATS.join(", "));
}

/** @throws {InvalidInputError} `invalid_input`. */
function numberOf(path: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw wrong(path, given, "a whole number, at least 0");
}

function wrong(path: string, given: string, allowed: string): Error {
  return invalidBody([{ path, message: `given ${shownValue(given)}; allowed: ${allowed}` }]);
}
