import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { SetResult, StoredVariable, Variables, VariableToSet } from "../../sessions/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import { type AppEnv, problemOf } from "../http/mod.ts";
import { bodyByReference, problemAnswers, problemSchema } from "../schema/mod.ts";
import { invalidBody, unknownFields } from "./request_fields.ts";
import {
  BATCH_REQUEST,
  batchRequestSchema,
  SESSION_PARAM,
  variableInfoSchema,
  variableSchema,
} from "./session_schema.ts";
import type { SessionsSlice } from "./sessions.ts";
import { jsonParts, listParts, objectParts, variableParts } from "./variable_answer.ts";
import { answer } from "./variables.ts";

const batchSchema = z.object({
  set: z.array(z.union([
    z.strictObject({ name: z.string(), variable: variableInfoSchema }),
    z.strictObject({ name: z.string(), problem: problemSchema }),
  ])).optional().openapi({ description: "A result for each variable that was to be set." }),
  get: z.array(variableSchema).optional().openapi({ description: "Those that exist." }),
  missing: z.array(z.string()).optional().openapi({ description: "The names of the others." }),
});

const route = createRoute({
  method: "post",
  path: "/v1/sessions/{id}/variables/batch",
  operationId: "batchVariables",
  tags: ["sessions"],
  summary: "Set and read several variables",
  description: "Sets first, each variable on its own terms, then reads.",
  request: { params: SESSION_PARAM, body: bodyByReference(BATCH_REQUEST) },
  responses: {
    200: {
      description: "The results. A variable that was not set has a problem.",
      content: { "application/json": { schema: batchSchema } },
    },
    ...problemAnswers(400, 404, 408, 413, 415, 500, 503),
  },
});

/** The variables that are read at a time. */
const STEP = 50;

/** Options of {@link addBatch}. */
export interface BatchOptions {
  readonly traffic: Traffic;
  /** The most bytes of values in a response. */
  readonly maxResultBytes: number;
}

/** Adds `POST /v1/sessions/:id/variables/batch`. */
export function addBatch(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { traffic, maxResultBytes }: BatchOptions,
): void {
  app.openAPIRegistry.register(BATCH_REQUEST, batchRequestSchema);
  app.openapi(route, async (c) => {
    const { variables } = await sessions.get(c.req.valid("param").id);
    const { fields, values: [own, ...values] } = await traffic.readValues(c.req.raw);
    const { get, set } = checked(own === undefined ? fields : { ...fields, value: own });
    const empty = (set ?? []).flatMap((_, i) => values[i] === undefined ? [i] : []);
    if (empty.length > 0) {
      throw invalidBody(empty.map((i) => ({ path: `set[${i}].value`, message: "missing" })));
    }
    const items = set?.map((it, i): VariableToSet => ({ ...it, value: values[i] }));
    const results = items && await setAll(variables, items);
    const found = get && await readAll(variables, get, maxResultBytes);
    using caller = traffic.callers.open(c.req.raw, c.env);
    const { signal } = caller;
    const shown = found &&
      await Promise.all([...found.values()].map((it) => variableParts(it, { traffic, signal })));
    const missing = get?.filter((name) => !found?.has(name));
    const parts = objectParts({
      set: results && jsonParts(results.map((it) => resultOf(it, c.get("requestId")))),
      get: shown && listParts(shown),
      missing: missing && jsonParts(missing),
    });
    return answer<z.infer<typeof batchSchema>>(parts, traffic);
  });
}

interface Batch {
  readonly get?: readonly string[];
  readonly set?: readonly Omit<VariableToSet, "value">[];
}

/** Checks the form of a batch. The host checks names and options. */
function checked(body: Readonly<Record<string, unknown>>): Batch {
  const { get, set } = body;
  const issues: FieldIssue[] = unknownFields(body, ["get", "set"]);
  if (get !== undefined && !(Array.isArray(get) && get.every((it) => typeof it === "string"))) {
    issues.push({ path: "get", message: "allowed: a list of names" });
  }
  if (set !== undefined && !(Array.isArray(set) && set.every(isRecord))) {
    issues.push({ path: "set", message: 'allowed: a list such as [{"name":"x","value":1}]' });
  }
  if (issues.length > 0) throw invalidBody(issues);
  return body as Batch;
}

function resultOf(result: SetResult, requestId: string): object {
  const { name } = result;
  return result.ok
    ? { name, variable: result.variable }
    : { name, problem: problemOf(result.error, requestId) };
}

/** Sets variables; names what is wrong by its place in the body. */
async function setAll(
  variables: Variables,
  items: readonly VariableToSet[],
): Promise<readonly SetResult[]> {
  try {
    return await variables.setMany(items);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw invalidBody(error.issues.map((it) => ({ ...it, path: `set${it.path}` })));
  }
}

async function readAll(
  variables: Variables,
  names: readonly string[],
  maxBytes: number,
): Promise<Map<string, StoredVariable>> {
  const found = new Map<string, StoredVariable>();
  let bytes = 0;
  // Refuses too long a list at once.
  if (names.length > 1_000) await variables.getManyStored(names);
  for (let i = 0; i < names.length; i += STEP) {
    const some = names.slice(i, i + STEP);
    for (const variable of await variables.getManyStored(some)) {
      if (variable === undefined || found.has(variable.info.name)) continue;
      found.set(variable.info.name, variable);
      bytes += variable.info.bytes;
    }
    if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
  }
  return found;
}

function tooLarge(bytes: number, maxResultBytes: number): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot send variables of more than ${bytes} bytes together: the limit is ${maxResultBytes} ` +
      "bytes (limits.maxResultBytes); ask for fewer at a time",
    { details: { maxResultBytes } },
  );
}
