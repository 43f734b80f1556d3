import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import type { CallOutcome } from "../../pool/mod.ts";
import { type AppEnv, lengthOf } from "../http/mod.ts";
import { CALL_REQUEST } from "./call_body.ts";
import { readCallRequest } from "./call_request.ts";
import type { Traffic } from "./traffic.ts";
import { bodyByReference, type EncodedJson, encodedJson, problemAnswers } from "../schema/mod.ts";

const encoder = new TextEncoder();

/** The response to a call. */
export const callAnswerSchema = z.object({
  result: z.unknown().openapi({ description: "What the tool returned.", example: 5 }),
  callId: z.string().openapi({ example: "c1" }),
  workerId: z.string().openapi({ example: "default-1" }),
  durationMs: z.number().openapi({ description: "From request to result.", example: 0.8 }),
  queueMs: z.number().openapi({
    description: "The part of it that the call waited for a worker.",
    example: 0.02,
  }),
}).openapi("CallAnswer");

type CallAnswer = z.infer<typeof callAnswerSchema>;

const route = createRoute({
  method: "post",
  path: "/v1/execute",
  operationId: "execute",
  tags: ["calls"],
  summary: "Run a tool and wait for its result",
  description:
    "A tool that streams answers its chunks as a list. A client that leaves cancels the call.",
  request: { body: bodyByReference(CALL_REQUEST) },
  responses: {
    200: {
      description: "The result.",
      content: { "application/json": { schema: callAnswerSchema } },
    },
    ...problemAnswers(400, 404, 408, 413, 415, 422, 429, 500, 502, 503, 504),
  },
});

/** The host, as {@link addExecute} sees it. */
export interface ExecuteSlice {
  call(tool: string, args: Value, options: CallOptions): Promise<CallOutcome>;
}

/** `POST /v1/execute`. The result is the text that Python wrote, passed on unparsed. */
export function addExecute(
  app: OpenAPIHono<AppEnv>,
  host: ExecuteSlice,
  { traffic }: { readonly traffic: Traffic },
): void {
  app.openapi(route, async (c) => {
    const { tool, args, options } = await readCallRequest(
      c.req.raw,
      c.get("requestId"),
      traffic,
    );
    c.set("called", { tool, pool: options.pool });
    const { value, callId, workerId, durationMs, queueMs } = await host.call(tool, args, options);
    const answer: Omit<CallAnswer, "result"> = {
      callId,
      workerId,
      durationMs: inMicroseconds(durationMs),
      queueMs: inMicroseconds(queueMs),
    };
    const rest = JSON.stringify(answer);
    if (traffic.isLarge(value)) {
      return await largeAnswer(traffic, { value, rest, signal: c.req.raw.signal });
    }
    return encodedJson<CallAnswer>(`{"result":${value.jsonText()},${rest.slice(1)}`);
  });
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

/** Milliseconds with three decimals. */
export function inMicroseconds(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}
