import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { SnakedenError } from "../../errors.ts";
import type { SetOptions, Variables } from "../../sessions/mod.ts";
import { BINARY, type Traffic } from "../calls/mod.ts";
import { type AppEnv, isBytesBody } from "../http/mod.ts";
import { bodyByReference, invalidBody, problemAnswers, unknownFields } from "../schema/mod.ts";
import { etagOf, isUnchanged, readPreconditions, underPreconditions } from "./preconditions.ts";
import {
  PAGE_QUERY,
  pageOf,
  SESSION_PARAM,
  VARIABLE_PARAMS,
  VARIABLE_REQUEST,
  variableInfoSchema,
  variableRequestSchema,
  variableSchema,
} from "./session_schema.ts";
import type { SessionsSlice } from "./sessions.ts";
import { answer, jsonParts, listParts, objectParts, variableParts } from "./variable_answer.ts";
import {
  bytesAnswer,
  type BytesBody,
  bytesFor,
  queryOf,
  readBytesVariable,
} from "./variable_bytes.ts";

const headers = z.object({ etag: z.string().openapi({ example: '"7"' }) });
const tags = ["sessions"];

const bytesBody = {
  schema: { ...BINARY, description: "The value: bytes, or the elements of an array." },
};
const BYTES = {
  "application/octet-stream": bytesBody,
  "image/*": bytesBody,
  "audio/*": bytesBody,
  "video/*": bytesBody,
};
const text = { type: "string" as const };

/** The parameters of a write. A body of bytes needs them, since it does not name them itself. */
const BYTES_PARAMETERS = [
  {
    name: "type",
    in: "query" as const,
    required: false,
    description: "As in a JSON body, whose own field wins.",
    schema: text,
  },
  {
    name: "constraints",
    in: "query" as const,
    required: false,
    description: "As in a JSON body, whose own field wins.",
    content: { "application/json": { schema: {} } },
  },
  {
    name: "snakeden-dtype",
    in: "header" as const,
    required: false,
    description: "For a body of bytes: the type of the elements, such as `<f4`.",
    schema: text,
  },
  {
    name: "snakeden-shape",
    in: "header" as const,
    required: false,
    description: "For a body of bytes: the shape, such as `2,3`; default one dimension.",
    schema: text,
  },
];

const setRoute = createRoute({
  method: "put",
  path: "/v1/sessions/{id}/variables/{name}",
  operationId: "setVariable",
  tags,
  summary: "Set a variable",
  description: 'Durable when it is answered. `if-match: "7"` writes only if it has this version, ' +
    "`if-none-match: *` only if it does not exist. A body of another type than JSON is the value " +
    "itself: bytes, or with `snakeden-dtype` the elements of an array.",
  request: { params: VARIABLE_PARAMS, body: bodyByReference(VARIABLE_REQUEST, { others: BYTES }) },
  parameters: BYTES_PARAMETERS,
  responses: {
    200: {
      description: "The variable as it is now, without its value.",
      content: { "application/json": { schema: variableInfoSchema } },
      headers,
    },
    ...problemAnswers(400, 404, 408, 412, 413, 415, 422, 429, 500, 503),
  },
});

const getRoute = createRoute({
  method: "get",
  path: "/v1/sessions/{id}/variables/{name}",
  operationId: "getVariable",
  tags,
  summary: "Show a variable",
  description:
    "A client whose `accept` names `application/octet-stream` gets bytes and arrays as " +
    "such, with the type and shape of an array in `snakeden-dtype` and `snakeden-shape`.",
  request: { params: VARIABLE_PARAMS },
  responses: {
    200: {
      description: "The variable.",
      content: {
        "application/json": { schema: variableSchema },
        "application/octet-stream": { schema: BINARY },
      },
      headers,
    },
    304: { description: "It has the version that `if-none-match` names." },
    ...problemAnswers(400, 404, 406, 412, 500, 503),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/v1/sessions/{id}/variables/{name}",
  operationId: "deleteVariable",
  tags,
  summary: "Delete a variable",
  description: '`if-match: "7"` deletes only this version.',
  request: { params: VARIABLE_PARAMS },
  responses: {
    204: { description: "The variable is gone." },
    ...problemAnswers(400, 404, 412, 500, 503),
  },
});

const listSchema = z.object({
  variables: z.array(variableSchema.partial({ value: true })),
  cursor: z.string().optional()
    .openapi({ description: "Asks for the next page; absent on the last one." }),
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/sessions/{id}/variables",
  operationId: "listVariables",
  tags,
  summary: "List the variables of a session",
  request: { params: SESSION_PARAM, query: PAGE_QUERY },
  responses: {
    200: {
      description: "A page of variables, in a fixed order. Values over 4 KiB are left out.",
      content: { "application/json": { schema: listSchema } },
    },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Adds `/v1/sessions/:id/variables` and `/v1/sessions/:id/variables/:name`. */
export function addVariables(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { traffic, maxDepth }: { readonly traffic: Traffic; readonly maxDepth: number },
): void {
  app.openAPIRegistry.register(VARIABLE_REQUEST, variableRequestSchema);
  app.openapi(setRoute, async (c) => {
    const { id, name } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const { variables } = await sessions.get(id);
    using body = isBytesBody(c.req.raw.headers)
      ? await readBytesVariable(c.req.raw, { traffic, maxDepth })
      : await readJsonVariable(c.req.raw, { traffic, maxDepth });
    const { fields, value } = body;
    // The host checks the fields, as it does for programs in plain JavaScript.
    const options = fields as SetOptions;
    const info = await underPreconditions(preconditions, {
      what: whatOf(name),
      version: () => versionOf(variables, name),
      act: (ifVersion) =>
        variables.set(name, value, {
          ...options,
          ...(ifVersion === undefined ? {} : { ifVersion }),
        }),
    });
    return c.json(info, 200, { etag: etagOf(info.version) });
  });
  app.openapi(getRoute, async (c) => {
    const { id, name } = c.req.valid("param");
    const { variables } = await sessions.get(id);
    const variable = await variables.getStored(name);
    const { version } = variable.info;
    const etag = etagOf(version);
    if (isUnchanged(c.req.raw.headers, { what: whatOf(name), version })) {
      return c.body(null, 304, { etag });
    }
    const bytes = bytesFor(c.req.header("accept"), variable.encoded);
    if (bytes !== undefined) return bytesAnswer(bytes, { traffic, headers: { etag } });
    using caller = traffic.callers.open(c.req.raw, c.env);
    const parts = await variableParts(variable, { traffic, signal: caller.signal });
    return answer<z.infer<typeof variableSchema>>(parts, traffic, { etag });
  });
  app.openapi(deleteRoute, async (c) => {
    const { id, name } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const { variables } = await sessions.get(id);
    await underPreconditions(preconditions, {
      what: whatOf(name),
      version: () => versionOf(variables, name),
      act: (ifVersion) => variables.delete(name, ifVersion === undefined ? {} : { ifVersion }),
    });
    return c.body(null, 204);
  });
  app.openapi(listRoute, async (c) => {
    const { variables } = await sessions.get(c.req.valid("param").id);
    const { items, cursor } = await variables.listStored(pageOf(c.req.valid("query")));
    using caller = traffic.callers.open(c.req.raw, c.env);
    const { signal } = caller;
    const all = await Promise.all(items.map((it) => variableParts(it, { traffic, signal })));
    const parts = objectParts({
      variables: listParts(all),
      cursor: cursor === undefined ? undefined : jsonParts(cursor),
    });
    return answer<z.infer<typeof listSchema>>(parts, traffic);
  });
}

async function readJsonVariable(
  request: Request,
  { traffic, maxDepth }: { readonly traffic: Traffic; readonly maxDepth: number },
): Promise<BytesBody> {
  const query = queryOf(request.url, maxDepth);
  const body = await traffic.readValues(request);
  const { fields, values: [value], [Symbol.dispose]: release } = body;
  const issues = unknownFields(fields, ["type", "constraints"]);
  if (value === undefined) issues.push({ path: "value", message: "missing" });
  if (value !== undefined && issues.length === 0) {
    return { fields: { ...query, ...fields }, value, [Symbol.dispose]: release };
  }
  release();
  throw invalidBody(issues);
}

async function versionOf(variables: Variables, name: string): Promise<number | undefined> {
  try {
    return (await variables.getStored(name)).info.version;
  } catch (error) {
    if (error instanceof SnakedenError && error.code === "unknown_variable") return undefined;
    throw error;
  }
}

function whatOf(name: string): string {
  return `the variable ${JSON.stringify(name)}`;
}
