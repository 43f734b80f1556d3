import { z } from "@hono/zod-openapi";
import { CALL_FIELDS, type JsonSchema } from "../../calls/mod.ts";
import type { Program, ProgramInfo } from "../../sessions/mod.ts";
import { schemaOf } from "../schema/mod.ts";
import { SESSION_PARAM } from "../sessions/mod.ts";

const nameSchema = z.string()
  .openapi({ pattern: "^[A-Za-z0-9._:-]{1,128}$", example: "summary" });

/** The parameter that names a global program. */
export const PROGRAM_PARAM = z.object({ name: nameSchema });

/** The owner of programs: a session that a parameter names, or nobody, for global ones. */
export interface ProgramOwner {
  readonly path: string;
  /** A part of operation ids, such as `putSessionProgram`. */
  readonly kind: "" | "Session";
  /** Names one of its programs, and several, in the summaries of its routes. */
  readonly one: string;
  readonly several: string;
  readonly params: z.ZodObject;
  readonly nameParams: z.ZodObject<{ name: z.ZodString }>;
}

/** The owners of programs. */
export const OWNERS: readonly ProgramOwner[] = [
  {
    path: "/v1/programs",
    kind: "",
    one: "global program",
    several: "global programs",
    params: z.object({}),
    nameParams: PROGRAM_PARAM,
  },
  {
    path: "/v1/sessions/{id}/programs",
    kind: "Session",
    one: "program of a session",
    several: "programs of a session",
    params: SESSION_PARAM,
    nameParams: SESSION_PARAM.extend({ name: nameSchema }),
  },
];

/** A program without its call, in a response. */
export const programInfoSchema = schemaOf<ProgramInfo>()(
  z.object({
    name: z.string().openapi({ example: "summary" }),
    version: z.number().int().openapi({ description: "Rises with each write; also the ETag." }),
    updatedAt: z.iso.datetime(),
    bytes: z.number().int().openapi({ description: "The length of the stored program." }),
  }).openapi("ProgramInfo"),
);

/** A program, in a response. */
export const programSchema = schemaOf<Program>()(
  z.object({
    ...programInfoSchema.shape,
    tool: z.string().openapi({ example: "add" }),
    pool: z.string().optional(),
    timeoutMs: z.number().optional(),
    stallTimeoutMs: z.number().optional(),
    affinity: z.enum(["hint", "strict_queue", "strict_fail_fast"]).optional(),
    priority: z.number().int().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    args: z.record(z.string(), z.unknown()).openapi({ example: { a: 2, b: 3 } }),
  }).openapi("Program"),
);

/** A page of programs, in a response. */
export const programListSchema = z.object({
  programs: z.array(programInfoSchema),
  cursor: z.string().optional()
    .openapi({ description: "Asks for the next page; absent on the last one." }),
});

/** The component of the OpenAPI document that holds {@link programRequestSchema}. */
export const PROGRAM_REQUEST = "ProgramRequest";

const { tool, args, pool, timeoutMs, stallTimeoutMs, affinity, priority } = CALL_FIELDS;

/** The fields of the body that writes a program. */
export const PROGRAM_FIELDS = {
  tool: { ...tool.schema, description: "Name of the tool, which need not exist yet." },
  args: {
    ...args.schema,
    description: "Arguments that a run does not give itself; no bytes and no arrays.",
  },
  pool: pool.schema,
  timeoutMs: timeoutMs.schema,
  stallTimeoutMs: stallTimeoutMs.schema,
  affinity: affinity.schema,
  priority: priority.schema,
  metadata: { type: "object", additionalProperties: {} },
} as const;

/** The body that writes a program. The host checks its fields. */
export const programRequestSchema: JsonSchema = {
  type: "object",
  properties: PROGRAM_FIELDS,
  required: ["tool"],
  additionalProperties: false,
};
