import { createRoute, type OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import type { CallOutcome } from "../../pool/mod.ts";
import {
  type AppContext,
  type AppEnv,
  lengthOf,
  prefersEvents,
  prefersLater,
} from "../http/mod.ts";
import { type LearnOptions, OVER_HTTP, type ToolInfo, type ToolsOptions } from "../../tools/mod.ts";
import { bodyByReference, type EncodedJson, encodedJson, problemAnswers } from "../schema/mod.ts";
import { answerForm, formOnceKnown, notBytes, optionsFor } from "./answer_form.ts";
import { CALL_REQUEST } from "./call_body.ts";
import { type CallRequest, readCallRequest } from "./call_request.ts";
import { hasInput } from "./input/mod.ts";
import { inMicroseconds } from "./microseconds.ts";
import { RAW_HEADERS, rawAnswer } from "./raw_answer.ts";
import { ALL_READ, type StreamAnswers } from "./stream_answer.ts";
import { callAnswerSchema, SERVER_SENT_EVENT } from "./stream_schema.ts";
import type { Traffic } from "./traffic.ts";
import { BINARY, CALL_PARAMETERS, type FindTool, type LearnTool, UPLOADS } from "./upload/mod.ts";

const encoder = new TextEncoder();

type CallAnswer = z.infer<typeof callAnswerSchema>;

/** The description of {@link answerCall} in the OpenAPI document. */
export const CALL_ANSWER = {
  description: "The result. A client whose `accept` names `application/octet-stream`, or the " +
    "media type of the tool, gets bytes and arrays as such; the ids and times are then in the " +
    "headers `snakeden-call-id`, `snakeden-worker-id`, `snakeden-duration-ms` and " +
    "`snakeden-queue-ms`, and the type and shape of an array in `snakeden-dtype` and " +
    "`snakeden-shape`.",
  content: {
    "application/json": { schema: callAnswerSchema },
    "application/octet-stream": { schema: BINARY },
    "*/*": { schema: BINARY },
  },
  headers: RAW_HEADERS,
} as const;

/** The headers of a call that became a job. */
const LATER_HEADERS = Object.fromEntries(
  [
    ["location", "The path of the job."],
    ["preference-applied", "`respond-async`."],
    ["snakeden-submit", "The answer to the submission, as that of `/v1/jobs`."],
  ].map(([name, description]) => [name, { description, schema: { type: "string" as const } }]),
);

const PREFER = {
  name: "prefer",
  in: "header" as const,
  required: false,
  description: "`respond-async` submits the call as a job, and answers at once.",
  schema: { type: "string" as const },
};

const route = createRoute({
  method: "post",
  path: "/v1/execute",
  operationId: "execute",
  tags: ["calls"],
  summary: "Run a tool and wait for its result",
  description:
    "The body is JSON, a form with one part for each argument, the bytes of one argument, or an " +
    "input stream. The other fields of a call can be in the query. A tool that streams answers " +
    "its chunks as a list. A client that leaves cancels the call. With `accept: " +
    "text/event-stream` the answer is that of `/v1/stream`, with progress before the result. " +
    "With `prefer: respond-async` the call becomes a job; that is ignored for an input stream, " +
    "and for an answer of events.",
  parameters: [...CALL_PARAMETERS, PREFER],
  request: { body: bodyByReference(CALL_REQUEST, { others: UPLOADS }) },
  responses: {
    200: {
      ...CALL_ANSWER,
      content: { ...CALL_ANSWER.content, "text/event-stream": { schema: SERVER_SENT_EVENT } },
    },
    202: {
      description: "The job, for `prefer: respond-async`.",
      content: { "application/json": { schema: { $ref: "#/components/schemas/Job" } } },
      headers: LATER_HEADERS,
    },
    204: ALL_READ,
    ...problemAnswers(400, 404, 406, 408, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504),
  },
});

/** Answers a call by the job that it becomes. */
export type AnswerLater = (c: AppContext, call: CallRequest) => Promise<Response>;

/** The host, as {@link answerCall} sees it. */
export interface ExecuteSlice {
  call(tool: string, args: Value, options: CallOptions): Promise<CallOutcome>;
}

/** The tools of the host, as the routes of calls see them. */
export interface FindTools {
  find(name: string, pool?: string, options?: ToolsOptions): ToolInfo | undefined;
  learn(name: string, pool?: string, options?: LearnOptions): Promise<ToolInfo | undefined>;
}

/** Adds `POST /v1/execute`. The JSON that Python wrote is passed on unparsed. */
export function addExecute(
  app: OpenAPIHono<AppEnv>,
  host: ExecuteSlice,
  { traffic, tools, answers, later }: {
    readonly traffic: Traffic;
    readonly tools: FindTools;
    readonly answers: StreamAnswers;
    readonly later: AnswerLater;
  },
): void {
  const findTool: FindTool = (name, pool, options) =>
    tools.find(name, pool, { ...options, ...OVER_HTTP });
  const learnTool: LearnTool = (name, pool, options) =>
    tools.learn(name, pool, { ...options, ...OVER_HTTP });
  app.openapi(route, async (c) => {
    const accept = c.req.header("accept");
    if (prefersEvents(accept)) return await answers.follow(c, "text/event-stream");
    using caller = traffic.callers.open(c.req.raw, c.env);
    const { tool, args, options } = await readCallRequest(
      c.req.raw,
      c.get("requestId"),
      { caller, traffic, findTool, learnTool },
    );
    c.set("called", { tool, pool: options.pool });
    if (prefersLater(c.req.header("prefer")) && !hasInput(c.req.url)) {
      return await later(c, { tool, args, options });
    }
    const { signal } = caller;
    const request = { tool, args, options, accept, signal };
    return await answerCall(request, { host, traffic, findTool });
  });
}

/** A call to run and to answer. */
export interface AnsweredRequest {
  readonly tool: string;
  readonly args: Value;
  readonly options: CallOptions;
  /** The header Accept of the request. */
  readonly accept: string | undefined;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * Runs a call and returns the response with its result. The JSON that Python wrote is passed on
 * unparsed.
 *
 * @throws {SnakedenError} The error of the call, `not_acceptable`, and what {@link Traffic} throws.
 */
export async function answerCall(
  { tool, args, options, accept, signal }: AnsweredRequest,
  { host, traffic, findTool }: {
    readonly host: ExecuteSlice;
    readonly traffic: Traffic;
    readonly findTool: FindTool;
  },
): Promise<EncodedJson<CallAnswer>> {
  const { pool, sessionId } = options;
  const answered = { accept, tool, pool, sessionId, findTool, follows: false };
  const asked = answerForm(answered);
  using _room = traffic.arguments.hold(args.weight);
  const outcome = await host.call(tool, args, optionsFor(asked, options));
  const form = formOnceKnown(asked, answered);
  const { value, callId, workerId, durationMs, queueMs } = outcome;
  if (form.bytesType !== undefined) {
    const raw = value.raw;
    if (raw !== undefined) return rawAnswer(raw, { outcome, type: form.bytesType, traffic });
    if (!form.takesJson) throw notBytes(accept, `the result of ${tool} is not bytes`);
  }
  const answer: Omit<CallAnswer, "result"> = {
    callId,
    workerId,
    durationMs: inMicroseconds(durationMs),
    queueMs: inMicroseconds(queueMs),
  };
  const rest = JSON.stringify(answer);
  if (traffic.isLarge(value)) return await largeAnswer(traffic, { value, rest, signal });
  return encodedJson<CallAnswer>(`{"result":${value.jsonText()},${rest.slice(1)}`);
}

/** Returns the bytes that Python wrote, unchanged where possible, and never all of them at once. */
async function largeAnswer(
  traffic: Traffic,
  { value, rest, signal }: {
    readonly value: Value;
    readonly rest: string;
    readonly signal: AbortSignal;
  },
): Promise<EncodedJson<CallAnswer>> {
  const { json } = (await traffic.inline(value, signal)).wire;
  const parts = [encoder.encode('{"result":'), json, encoder.encode(`,${rest.slice(1)}`)];
  const length = String(lengthOf(parts));
  return encodedJson(traffic.answers.body(parts), { "content-length": length });
}
