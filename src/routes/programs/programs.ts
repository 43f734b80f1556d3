import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { Value } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { Program, Programs, ProgramToPut, StoredProgram } from "../../sessions/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { bodyByReference, encodedJson, invalidBody, problemAnswers } from "../schema/mod.ts";
import {
  etagOf,
  isUnchanged,
  PAGE_QUERY,
  pageOf,
  readFields,
  readPreconditions,
  underPreconditions,
} from "../sessions/mod.ts";
import {
  OWNERS,
  PROGRAM_FIELDS,
  PROGRAM_REQUEST,
  programInfoSchema,
  programListSchema,
  type ProgramOwner,
  programRequestSchema,
  programSchema,
} from "./program_schema.ts";

/** The part of the host that these routes use. */
export interface ProgramsSlice {
  readonly programs: ProgramsOfOwner;
  readonly sessions: {
    get(id: string): Promise<{ readonly programs: ProgramsOfOwner }>;
  };
}

type ProgramsOfOwner = Pick<Programs, "put" | "getStored" | "delete" | "list">;

/** The longest body, in bytes: the longest program that can be configured. */
const MAX_BODY_BYTES = 128 * 1024;

const headers = z.object({ etag: z.string().openapi({ example: '"1"' }) });
const tags = ["programs"];

/** Adds the routes of global programs, and of those of a session. */
export function addPrograms(
  app: OpenAPIHono<AppEnv>,
  { programs, sessions }: ProgramsSlice,
  { traffic, maxDepth }: { readonly traffic: Traffic; readonly maxDepth: number },
): void {
  app.openAPIRegistry.registerComponent("schemas", PROGRAM_REQUEST, programRequestSchema);
  const programsOf = async (id: string | undefined): Promise<ProgramsOfOwner> =>
    id === undefined ? programs : (await sessions.get(id)).programs;
  for (const owner of OWNERS) {
    const group: Group = { owner, programsOf };
    addPut(app, group, { traffic, maxDepth });
    addGet(app, group);
    addDelete(app, group);
    addList(app, group);
  }
}

/** The routes of an owner. */
interface Group {
  readonly owner: ProgramOwner;
  /** Returns the programs of the session with this id, or the global ones. */
  readonly programsOf: (id: string | undefined) => Promise<ProgramsOfOwner>;
}

function addPut(
  app: OpenAPIHono<AppEnv>,
  { owner, programsOf }: Group,
  { traffic, maxDepth }: { readonly traffic: Traffic; readonly maxDepth: number },
): void {
  const { path, kind, one, nameParams } = owner;
  const route = createRoute({
    method: "put",
    path: `${path}/{name}`,
    operationId: `put${kind}Program`,
    tags,
    summary: `Write a ${one}`,
    description: 'Durable when it is answered. `if-match: "7"` writes only if it has this ' +
      "version, `if-none-match: *` only if it does not exist. The tool need not exist yet.",
    request: { params: nameParams, body: bodyByReference(PROGRAM_REQUEST) },
    responses: {
      200: {
        description: "The program was replaced.",
        content: { "application/json": { schema: programInfoSchema } },
        headers,
      },
      201: {
        description: "The program did not exist.",
        content: { "application/json": { schema: programInfoSchema } },
        headers,
      },
      ...problemAnswers(400, 404, 408, 412, 413, 415, 429, 500, 503),
    },
  });
  app.openapi(route, async (c) => {
    const { name } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const own = await programsOf(c.req.param("id"));
    const known = Object.keys(PROGRAM_FIELDS);
    const fields = await readFields(c.req.raw, { traffic, known, maxBytes: MAX_BODY_BYTES });
    const program = programFrom(fields, maxDepth);
    const { created, ...info } = await underPreconditions(preconditions, {
      what: whatOf(name),
      version: () => versionOf(own, name),
      act: (ifVersion) => own.put(name, program, ifVersion === undefined ? {} : { ifVersion }),
    });
    return c.json(info, created ? 201 : 200, { etag: etagOf(info.version) });
  });
}

function addGet(
  app: OpenAPIHono<AppEnv>,
  { owner, programsOf }: Group,
): void {
  const { path, kind, one, nameParams } = owner;
  const route = createRoute({
    method: "get",
    path: `${path}/{name}`,
    operationId: `get${kind}Program`,
    tags,
    summary: `Show a ${one}`,
    request: { params: nameParams },
    responses: {
      200: {
        description: "The program.",
        content: { "application/json": { schema: programSchema } },
        headers,
      },
      304: { description: "It has the version that `if-none-match` names." },
      ...problemAnswers(400, 404, 412, 500, 503),
    },
  });
  app.openapi(route, async (c) => {
    const { name } = c.req.valid("param");
    const program = await (await programsOf(c.req.param("id"))).getStored(name);
    const { version } = program.info;
    const etag = etagOf(version);
    if (isUnchanged(c.req.raw.headers, { what: whatOf(name), version })) {
      return c.body(null, 304, { etag });
    }
    return encodedJson<Program>(textOf(program), { etag });
  });
}

function addDelete(
  app: OpenAPIHono<AppEnv>,
  { owner, programsOf }: Group,
): void {
  const { path, kind, one, nameParams } = owner;
  const route = createRoute({
    method: "delete",
    path: `${path}/{name}`,
    operationId: `delete${kind}Program`,
    tags,
    summary: `Delete a ${one}`,
    description: '`if-match: "7"` deletes only this version.',
    request: { params: nameParams },
    responses: {
      204: { description: "The program is gone." },
      ...problemAnswers(400, 404, 412, 500, 503),
    },
  });
  app.openapi(route, async (c) => {
    const { name } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const own = await programsOf(c.req.param("id"));
    await underPreconditions(preconditions, {
      what: whatOf(name),
      version: () => versionOf(own, name),
      act: (ifVersion) => own.delete(name, ifVersion === undefined ? {} : { ifVersion }),
    });
    return c.body(null, 204);
  });
}

function addList(
  app: OpenAPIHono<AppEnv>,
  { owner, programsOf }: Group,
): void {
  const { path, kind, several, params } = owner;
  const route = createRoute({
    method: "get",
    path,
    operationId: `list${kind}Programs`,
    tags,
    summary: `List the ${several}`,
    request: { params, query: PAGE_QUERY },
    responses: {
      200: {
        description: "A page of programs without their calls, in a fixed order.",
        content: { "application/json": { schema: programListSchema } },
      },
      ...problemAnswers(400, 404, 500, 503),
    },
  });
  app.openapi(route, async (c) => {
    const own = await programsOf(c.req.param("id"));
    const { items, cursor } = await own.list(pageOf(c.req.valid("query")));
    return c.json({ programs: [...items], ...(cursor === undefined ? {} : { cursor }) }, 200);
  });
}

/** Returns the program of a body. The host checks its fields. */
function programFrom(fields: Record<string, unknown>, maxDepth: number): ProgramToPut {
  const { args, ...call } = fields;
  if (!isRecord(args)) return fields as unknown as ProgramToPut;
  try {
    const encoded = Value.fromJsonTree(args, { maxDepth, name: "args" });
    return { ...call, args: encoded } as unknown as ProgramToPut;
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    throw invalidBody([{ path: "args", message: error.message }]);
  }
}

function textOf({ info, call, args }: StoredProgram): string {
  const text = JSON.stringify({ ...info, ...call });
  return `${text.slice(0, -1)},"args":${args?.jsonText() ?? "{}"}}`;
}

async function versionOf(programs: ProgramsOfOwner, name: string): Promise<number | undefined> {
  try {
    return (await programs.getStored(name)).info.version;
  } catch (error) {
    if (error instanceof SnakedenError && error.code === "unknown_program") return undefined;
    throw error;
  }
}

function whatOf(name: string): string {
  return `the program ${JSON.stringify(name)}`;
}
