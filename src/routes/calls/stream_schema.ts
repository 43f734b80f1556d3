import { z } from "@hono/zod-openapi";
import { problemSchema } from "../schema/mod.ts";

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

/** An event with data: its name, the component that describes the data, and its description. */
const EVENTS = [
  ["chunk", "ChunkData", z.unknown().openapi({ description: "What the tool yielded." })],
  [
    "progress",
    "ProgressData",
    z.unknown().openapi({ description: "The latest report of progress." }),
  ],
  ["done", "CallAnswer", callAnswerSchema],
  ["failed", "Problem", problemSchema],
] as const;

/** Components that the schemas of the events refer to. */
export const EVENT_DATA: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  EVENTS.map(([, component, schema]) => [component, schema]),
);

/**
 * One Server-Sent Event, whose data is JSON text.
 *
 * @see https://spec.openapis.org/oas/v3.2.0#special-considerations-for-text-event-stream-content
 */
export const SERVER_SENT_EVENT: object = {
  oneOf: EVENTS.map(([name, component]) => ({
    type: "object",
    required: ["id", "event", "data"],
    properties: {
      id: { type: "string" },
      event: { const: name },
      data: {
        type: "string",
        contentMediaType: "application/json",
        contentSchema: { $ref: `#/components/schemas/${component}` },
      },
    },
  })),
};

/** One line of NDJSON. */
export const NDJSON_LINE: object = {
  oneOf: [
    ...EVENTS.map(([name, component]) => ({
      type: "object",
      required: ["event", "data"],
      properties: {
        event: { const: name },
        data: { $ref: `#/components/schemas/${component}` },
      },
    })),
    { type: "object", required: ["event"], properties: { event: { const: "heartbeat" } } },
  ],
};
