import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { shownValue } from "../../calls/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import type { SetResult, StoredVariable, Variables, VariableToSet } from "../../sessions/mod.ts";
import type { Traffic, ValuesBody } from "../calls/mod.ts";
import { type AppEnv, problemOf } from "../http/mod.ts";
import {
  bodyByReference,
  invalidBody,
  problemAnswers,
  problemSchema,
  unknownFields,
} from "../schema/mod.ts";
import {
  BATCH_REQUEST,
  batchRequestSchema,
  SESSION_PARAM,
  variableInfoSchema,
  variableSchema,
} from "./session_schema.ts";
import type { SessionsSlice } from "./sessions.ts";
import { answer, jsonParts, listParts, objectParts, variableParts } from "./variable_answer.ts";

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
  description: "Sets first, each variable by itself, then reads.",
  request: { params: SESSION_PARAM, body: bodyByReference(BATCH_REQUEST) },
  responses: {
    200: {
      description: "The results. A variable that was not set has a problem.",
      content: { "application/json": { schema: batchSchema } },
    },
    ...problemAnswers(400, 404, 408, 413, 415, 500, 503),
  },
});

/** The most variables to set, and the most to read. */
const MAX_ITEMS = 1_000;
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
    using body = await traffic.readValues(c.req.raw);
    const { get, set } = checked(body);
    const items = set?.map((it, i): VariableToSet => ({ ...it, value: body.values[i + 1] }));
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

/** Checks a batch before any of it is done. The host checks the options of what is set. */
function checked({ fields, values: [own, ...values] }: ValuesBody): Batch {
  const body = own === undefined ? fields : { ...fields, value: own };
  const issues = unknownFields(body, ["get", "set"]);
  const { get = [], set = [] } = fields;
  issues.push(...getIssues(get), ...setIssues(set, values));
  if (issues.length > 0) throw invalidBody(issues);
  return fields as Batch;
}

function getIssues(get: unknown): FieldIssue[] {
  if (!Array.isArray(get) || get.length > MAX_ITEMS) return [listIssue("get", get, "names")];
  return get.flatMap((name, i) => {
    if (typeof name === "string" && isSessionId(name)) return [];
    const message = `given ${shownValue(name)}; allowed: ${SESSION_ID_RULE}`;
    return [{ path: `get[${i}]`, message }];
  });
}

function setIssues(set: unknown, values: readonly unknown[]): FieldIssue[] {
  if (!Array.isArray(set) || set.length > MAX_ITEMS) return [listIssue("set", set, "variables")];
  return set.flatMap((item, i) => {
    const path = `set[${i}]`;
    if (!isRecord(item)) {
      const allowed = 'an object such as {"name":"x","value":1}';
      return [{ path, message: `given ${shownValue(item)}; allowed: ${allowed}` }];
    }
    const issues = unknownFields(item, ["name", "type", "constraints", "ifVersion"], `${path}.`);
    if (item["name"] === undefined) issues.push({ path: `${path}.name`, message: "missing" });
    if (values[i] === undefined) issues.push({ path: `${path}.value`, message: "missing" });
    return issues;
  });
}

function listIssue(path: string, given: unknown, what: string): FieldIssue {
  const shown = Array.isArray(given) ? `${given.length} ${what}` : shownValue(given);
  return { path, message: `given ${shown}; allowed: a list of at most ${MAX_ITEMS} ${what}` };
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
  for (let i = 0; i < names.length; i += STEP) {
    const some = names.slice(i, i + STEP);
    for (const variable of await variables.getManyStored(some)) {
      if (variable === undefined || found.has(variable.info.name)) continue;
      found.set(variable.info.name, variable);
      bytes += variable.info.bytes;
    }
    if (bytes > maxBytes) throw tooMany(bytes, maxBytes);
  }
  return found;
}

function tooMany(bytes: number, maxResultBytes: number): InvalidInputError {
  const message = `given variables of at least ${bytes} bytes together; allowed: ` +
    `${maxResultBytes} bytes (limits.maxResultBytes); \`set\` was done`;
  return invalidBody([{ path: "get", message }]);
}
