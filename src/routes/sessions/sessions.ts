import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type Session, type Sessions, versionConflict } from "../../sessions/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";
import {
  etagOf,
  isMet,
  isUnchanged,
  readPreconditions,
  underPreconditions,
} from "./preconditions.ts";
import { readFields } from "./request_fields.ts";
import {
  PAGE_QUERY,
  pageOf,
  SESSION_PARAM,
  SESSION_REQUEST,
  sessionRequestSchema,
  sessionSchema,
} from "./session_schema.ts";

const FIELDS = ["ttlMs", "metadata"] as const;

const json = { "application/json": { schema: sessionSchema } };
const headers = z.object({ etag: z.string().openapi({ example: '"1"' }) });
const tags = ["sessions"];

const openRoute = createRoute({
  method: "put",
  path: "/v1/sessions/{id}",
  operationId: "openSession",
  tags,
  summary: "Open a session",
  description: "An existing session stays as it is. `if-none-match: *` opens only a new one.",
  request: {
    params: SESSION_PARAM,
    body: bodyByReference(SESSION_REQUEST, { required: false }),
  },
  responses: {
    200: { description: "The session exists already.", content: json, headers },
    201: { description: "The session is open.", content: json, headers },
    ...problemAnswers(400, 408, 412, 413, 415, 429, 500, 503),
  },
});

const createSessionRoute = createRoute({
  method: "post",
  path: "/v1/sessions",
  operationId: "createSession",
  tags,
  summary: "Open a session with an id of its own",
  request: { body: bodyByReference(SESSION_REQUEST, { required: false }) },
  responses: {
    201: {
      description: "The session is open.",
      content: json,
      headers: headers.extend({ location: z.string() }),
    },
    ...problemAnswers(400, 408, 413, 415, 429, 500, 503),
  },
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/sessions",
  operationId: "listSessions",
  tags,
  summary: "List the sessions",
  description: "Does not count as use of the sessions.",
  request: { query: PAGE_QUERY },
  responses: {
    200: {
      description: "A page of sessions, in a fixed order.",
      content: {
        "application/json": {
          schema: z.object({
            sessions: z.array(sessionSchema).readonly(),
            cursor: z.string().optional()
              .openapi({ description: "Asks for the next page; absent on the last one." }),
          }),
        },
      },
    },
    ...problemAnswers(400, 500, 503),
  },
});

const getRoute = createRoute({
  method: "get",
  path: "/v1/sessions/{id}",
  operationId: "getSession",
  tags,
  summary: "Show a session",
  description: "Counts as use of the session.",
  request: { params: SESSION_PARAM },
  responses: {
    200: { description: "The session.", content: json, headers },
    304: { description: "It has the version that `if-none-match` names." },
    ...problemAnswers(400, 404, 412, 500, 503),
  },
});

const updateRoute = createRoute({
  method: "patch",
  path: "/v1/sessions/{id}",
  operationId: "updateSession",
  tags,
  summary: "Change a session",
  description: "Replaces the metadata as a whole, or changes `ttlMs`, and renews the session. " +
    '`if-match: "1"` changes only this version.',
  request: { params: SESSION_PARAM, body: bodyByReference(SESSION_REQUEST) },
  responses: {
    200: { description: "The session as it is now.", content: json, headers },
    ...problemAnswers(400, 404, 408, 412, 413, 415, 500, 503),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/v1/sessions/{id}",
  operationId: "deleteSession",
  tags,
  summary: "End a session",
  description: 'Deletes its variables too. `if-match: "1"` ends only this version.',
  request: { params: SESSION_PARAM },
  responses: {
    204: { description: "The session is gone." },
    ...problemAnswers(400, 404, 412, 500, 503),
  },
});

/** The part of the host that the routes of sessions use. */
export type SessionsSlice = Pick<Sessions, "open" | "ensure" | "check" | "get" | "list" | "delete">;

/** Adds `/v1/sessions` and `/v1/sessions/:id`. */
export function addSessions(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { traffic, maxTtlMs }: { readonly traffic: Traffic; readonly maxTtlMs: number },
): void {
  app.openAPIRegistry.register(SESSION_REQUEST, sessionRequestSchema(maxTtlMs));
  const fieldsOf = (request: Request): Promise<Record<string, unknown>> =>
    readFields(request, { traffic, known: FIELDS, isOptional: true });
  app.openapi(openRoute, async (c) => {
    const { id } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const fields = await fieldsOf(c.req.raw);
    if (preconditions.match !== undefined) {
      sessions.check(fields);
      // It never opens the session, which may end at any moment.
      const there = await sessions.get(id).catch(undefinedIfUnknown);
      if (there === undefined || !isMet(preconditions, there.version)) throw conflict(id, there);
      return c.json(there.info, 200, { etag: etagOf(there.version) });
    }
    const { session, created } = await sessions.ensure(id, fields);
    if (!created && !isMet(preconditions, session.version)) throw conflict(id, session);
    return c.json(session.info, created ? 201 : 200, { etag: etagOf(session.version) });
  });
  app.openapi(createSessionRoute, async (c) => {
    const session = await sessions.open(undefined, await fieldsOf(c.req.raw));
    const location = `/v1/sessions/${session.id}`;
    return c.json(session.info, 201, { etag: etagOf(session.version), location });
  });
  app.openapi(listRoute, async (c) => {
    const { items, cursor } = await sessions.list(pageOf(c.req.valid("query")));
    return c.json({ sessions: items, ...(cursor === undefined ? {} : { cursor }) }, 200);
  });
  app.openapi(getRoute, async (c) => {
    const { id } = c.req.valid("param");
    const session = await sessions.get(id);
    const { version } = session;
    const etag = etagOf(version);
    const hasIt = isUnchanged(c.req.raw.headers, { what: whatOf(id), version });
    return hasIt ? c.body(null, 304, { etag }) : c.json(session.info, 200, { etag });
  });
  app.openapi(updateRoute, async (c) => {
    const { id } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const fields = await readFields(c.req.raw, { traffic, known: FIELDS });
    const session = await sessions.get(id);
    await underPreconditions(preconditions, {
      what: whatOf(id),
      version: async () => (await sessions.get(id)).version,
      act: (ifVersion) =>
        session.update({ ...fields, ...(ifVersion === undefined ? {} : { ifVersion }) }),
    });
    return c.json(session.info, 200, { etag: etagOf(session.version) });
  });
  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid("param");
    const preconditions = readPreconditions(c.req.raw.headers);
    const session = await sessions.get(id);
    await underPreconditions(preconditions, {
      what: whatOf(id),
      version: async () => (await sessions.get(id)).version,
      act: (ifVersion) => session.delete(ifVersion === undefined ? {} : { ifVersion }),
    });
    return c.body(null, 204);
  });
}

function whatOf(id: string): string {
  return `the session ${JSON.stringify(id)}`;
}

function conflict(id: string, session: Session | undefined): SnakedenError {
  return versionConflict(whatOf(id), session?.version ?? null);
}

function undefinedIfUnknown(error: unknown): undefined {
  if (error instanceof SnakedenError && error.code === "unknown_session") return undefined;
  throw error;
}
