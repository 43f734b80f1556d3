import { z } from "@hono/zod-openapi";
import { SESSION_ID_PATTERN } from "../../session_id.ts";
import { type SessionInfo, VARIABLE_TYPES, type VariableInfo } from "../../sessions/mod.ts";
import { schemaOf } from "../schema/mod.ts";

/** The form of ids and names. The host checks it, with an error that says what is allowed. */
const NAME = { pattern: SESSION_ID_PATTERN };

/** The parameter that names a session. */
export const SESSION_PARAM = z.object({ id: z.string().openapi({ ...NAME, example: "u1" }) });

/** The parameters that name a variable. */
export const VARIABLE_PARAMS = SESSION_PARAM.extend({
  name: z.string().openapi({ ...NAME, example: "temperature" }),
});

const first = (it: unknown): unknown => Array.isArray(it) ? it[0] : it;

/** The query of a list. If a field is given more than once, the first counts. */
export const PAGE_QUERY = z.object({
  cursor: z.preprocess(first, z.string().optional())
    .openapi({
      type: "string",
      minLength: 1,
      maxLength: 1_024,
      description: "`cursor` of the page before.",
    }),
  limit: z.preprocess(first, z.string().optional())
    .openapi({
      type: "integer",
      minimum: 1,
      maximum: 1_000,
      description: "Most items of the page; default 100.",
    }),
});

/** Returns the options of a list by its query. */
export function pageOf(
  { cursor, limit }: z.infer<typeof PAGE_QUERY>,
): { readonly cursor?: string; readonly limit?: number } {
  return {
    ...(cursor === undefined ? {} : { cursor }),
    // What is no number is refused as it was given.
    ...(limit === undefined
      ? {}
      : { limit: /^\d{1,9}$/.test(limit) ? Number(limit) : limit as never }),
  };
}

/** A session, in a response. */
export const sessionSchema = schemaOf<SessionInfo>()(
  z.object({
    id: z.string().openapi({ example: "u1" }),
    version: z.number().int().openapi({ description: "Rises with each update; also the ETag." }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().openapi({ description: "Unless it is used before." }),
    ttlMs: z.number().int().openapi({ example: 3_600_000 }),
    metadata: z.record(z.string(), z.unknown()),
    worker: z.object({
      pool: z.string().openapi({ example: "default" }),
      workerId: z.string().optional().openapi({ example: "default-1" }),
      incarnation: z.string().optional(),
      workerEnd: z.string().optional().openapi({
        description: "The end of the worker; absent while it takes calls.",
        example: "was replaced",
      }),
    }).optional().openapi({
      description: "The worker to which strict calls have bound it. `workerId` and `incarnation` " +
        "are absent if the worker ended with a host before.",
    }),
  }).openapi("Session"),
);

const constraintsSchema = z.object({
  min: z.number().optional(),
  max: z.number().optional(),
  minLength: z.number().int().optional(),
  maxLength: z.number().int().optional(),
  choices: z.array(z.string()).readonly().optional(),
  shape: z.array(z.number().int().nullable()).readonly().optional(),
  dimensions: z.number().int().optional(),
  allowedModules: z.array(z.string()).readonly().optional(),
}).openapi("VariableConstraints");

const typeSchema = z.enum(VARIABLE_TYPES).openapi("VariableType");

/** A variable without its value, in a response. */
export const variableInfoSchema = schemaOf<VariableInfo>()(
  z.object({
    name: z.string().openapi({ example: "temperature" }),
    type: typeSchema,
    version: z.number().int().openapi({ description: "Never used twice; also the ETag." }),
    constraints: constraintsSchema.optional(),
    updatedAt: z.iso.datetime(),
    bytes: z.number().int().openapi({ description: "The length of the stored value." }),
  }).openapi("VariableInfo"),
);

/** A variable, in a response. */
export const variableSchema = variableInfoSchema.extend({
  value: z.unknown().openapi({ example: 0.7 }),
}).openapi("Variable");

/** Returns the schema of the body that opens or changes a session. The host checks its fields. */
export function sessionRequestSchema(maxTtlMs: number): z.ZodType {
  return z.strictObject({
    ttlMs: z.number().int().min(1).max(maxTtlMs).optional()
      .openapi({ description: "Time without use after which it expires." }),
    metadata: z.record(z.string(), z.unknown()).optional(),
  });
}

/** The body that sets a variable. The host checks its fields. */
export const variableRequestSchema = z.strictObject({
  value: z.unknown().openapi({ example: 0.7, description: "As in the arguments of a call." }),
  type: typeSchema.optional()
    .openapi({ description: "Default: that of the variable, else one that fits the value." }),
  constraints: constraintsSchema.optional()
    .openapi({ description: "Default: those of the variable." }),
}).openapi({ required: ["value"] });

const OF_ITEM = "As for one variable; if it is not allowed, this variable alone is not set.";

/** The body that reads and sets several variables. The host checks its fields. */
export const batchRequestSchema = z.strictObject({
  get: z.array(z.string().openapi(NAME)).max(1_000).optional(),
  set: z.array(
    variableRequestSchema.extend({
      name: z.string().openapi(NAME),
      type: z.unknown().openapi({ description: OF_ITEM }),
      constraints: z.unknown().openapi({ description: OF_ITEM }),
      ifVersion: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().openapi({
        description: "Writes only if the variable has this version; 0 if it does not exist.",
      }),
    }).openapi({ required: ["name", "value"] }),
  ).max(1_000).optional(),
});

/** The components of the OpenAPI document that hold the schemas of the bodies. */
export const SESSION_REQUEST = "SessionRequest";
export const VARIABLE_REQUEST = "VariableRequest";
export const BATCH_REQUEST = "VariablesBatchRequest";
