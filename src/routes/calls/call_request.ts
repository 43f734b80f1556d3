import { z } from "@hono/zod-openapi";
import type { Value } from "../../bridge/mod.ts";
import { type CallOptions, MAX_ID_LENGTH, MAX_TIMEOUT_MS } from "../../calls/mod.ts";
import { PRIORITY_RANGE } from "../../pool/mod.ts";
import { checkContentType } from "../http/mod.ts";
import { MAX_NAME_LENGTH } from "./call_fields.ts";
import type { Traffic } from "./traffic.ts";

/** The body of a call, for OpenAPI. {@link findIssues} checks bodies; a test compares the two. */
export const callRequestSchema = z.strictObject({
  tool: z.string().min(1).max(MAX_NAME_LENGTH)
    .openapi({ description: "Name of the tool.", example: "add" }),
  args: z.record(z.string(), z.unknown()).optional()
    .openapi({ description: "Arguments by name; default none.", example: { a: 2, b: 3 } }),
  pool: z.string().min(1).max(MAX_NAME_LENGTH).optional()
    .openapi({ description: "Pool to ask; default the one that has the tool." }),
  sessionId: z.string().min(1).max(MAX_ID_LENGTH).optional()
    .openapi({ description: "Seen by the tool." }),
  affinity: z.enum(["hint"]).optional()
    .openapi({ description: "How closely a session keeps to its worker." }),
  timeoutMs: z.number().positive().max(MAX_TIMEOUT_MS).optional()
    .openapi({ description: "Deadline in milliseconds; default that of the pool." }),
  priority: z.number().int().min(PRIORITY_RANGE.min).max(PRIORITY_RANGE.max).optional()
    .openapi({ description: "Higher goes first; default 0." }),
  idempotent: z.boolean().optional().openapi({
    description: "May run again when its worker dies; default what the tool says of itself.",
  }),
}).openapi("CallRequest");

/** A call that a client asks for. */
export interface CallRequest {
  readonly tool: string;
  readonly args: Value;
  readonly options: CallOptions;
}

/**
 * Reads a call from the body of a request. The request's own signal cancels it, so a client that
 * leaves ends its work.
 *
 * @throws {SnakedenError} `unsupported_media_type`, what {@link Traffic} throws, and
 * `invalid_input` naming every field that is wrong.
 */
export async function readCallRequest(
  request: Request,
  requestId: string,
  traffic: Traffic,
): Promise<CallRequest> {
  checkContentType(request.headers);
  const { tool, args, options } = await traffic.readCall(request);
  return { tool, args, options: { ...options, requestId, signal: request.signal } };
}
