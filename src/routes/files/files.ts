import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Files } from "../../files/mod.ts";
import { BINARY, type Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { onceEach, problemAnswers } from "../schema/mod.ts";
import { uploadOptions } from "./file_query.ts";
import { FILE_PARAM, fileSchema } from "./file_schema.ts";
import { uploadBody } from "./upload_body.ts";

/** The part of the host that the routes of files use. */
export type FilesSlice = Pick<Files, "get" | "list" | "read" | "remove" | "store">;

const tags = ["files"];
/** The first type of the body, by which clients such as `/docs` send plain bytes. */
const BYTES_TYPE = "application/octet-stream";
const content = { "application/json": { schema: fileSchema } };

const putRoute = createRoute({
  method: "put",
  path: "/v1/files",
  operationId: "addFile",
  tags,
  summary: "Add a file",
  description:
    "The body is the file, of any length up to `limits.maxFileBytes`; `content-type` is " +
    "kept as its media type. The header `content-digest` may have the SHA-256 too.",
  parameters: [
    {
      name: "name",
      in: "query" as const,
      required: false,
      description: "The name of the file. Default: `file`.",
      schema: { type: "string" as const, minLength: 1, maxLength: 255 },
    },
    {
      name: "ttlMs",
      in: "query" as const,
      required: false,
      description: "The time to live, in milliseconds.",
      schema: { type: "integer" as const, minimum: 1 },
    },
    {
      name: "sha256",
      in: "query" as const,
      required: false,
      description: "The SHA-256 that the bytes must have.",
      schema: { type: "string" as const, pattern: "^[0-9A-Fa-f]{64}$" },
    },
  ],
  request: {
    body: {
      required: true,
      content: { [BYTES_TYPE]: { schema: BINARY }, "*/*": { schema: BINARY } },
    },
  },
  responses: {
    201: {
      description: "The file.",
      content,
      headers: z.object({ location: z.string() }),
    },
    ...problemAnswers(400, 408, 413, 415, 500, 503, 507),
  },
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/files",
  operationId: "listFiles",
  tags,
  summary: "List the files",
  description: "Latest first.",
  parameters: [
    {
      name: "job",
      in: "query" as const,
      required: false,
      description: "Only the files that this job has made.",
      schema: { type: "string" as const },
    },
    {
      name: "cursor",
      in: "query" as const,
      required: false,
      description: "The cursor of the previous page.",
      schema: { type: "string" as const },
    },
    {
      name: "limit",
      in: "query" as const,
      required: false,
      schema: { type: "integer" as const, minimum: 1, maximum: 1_000, default: 100 },
    },
  ],
  responses: {
    200: {
      description: "A page of files.",
      content: {
        "application/json": {
          schema: z.object({ files: z.array(fileSchema), cursor: z.string().optional() }),
        },
      },
    },
    ...problemAnswers(400, 500, 503),
  },
});

const getRoute = createRoute({
  method: "get",
  path: "/v1/files/{id}",
  operationId: "getFile",
  tags,
  summary: "Describe a file",
  request: { params: FILE_PARAM },
  responses: {
    200: { description: "The file.", content },
    ...problemAnswers(404, 500, 503),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/v1/files/{id}",
  operationId: "removeFile",
  tags,
  summary: "Remove a file",
  description: "A file that a kept job names, or that a running call uses, is not removed.",
  request: { params: FILE_PARAM },
  responses: {
    204: { description: "The file is gone." },
    ...problemAnswers(404, 409, 500, 503),
  },
});

/** Adds `/v1/files` and `/v1/files/:id`. */
export function addFiles(
  app: OpenAPIHono<AppEnv>,
  files: FilesSlice,
  { traffic }: { readonly traffic: Pick<Traffic, "bodies"> },
): void {
  app.openapi(putRoute, async (c) => {
    const { raw } = c.req;
    const options = uploadOptions(c.req.queries(), raw.headers);
    const file = await files.store(uploadBody(raw, traffic.bodies.time), options);
    return c.json(file, 201, { location: `/v1/files/${encodeURIComponent(file.id)}` });
  });
  app.openapi(listRoute, async (c) => {
    const { limit, ...query } = onceEach(c.req.queries(), ["job", "cursor", "limit"]);
    const page = { ...query, ...(limit === undefined ? {} : { limit: Number(limit) }) };
    const { items, cursor } = await files.list(page);
    return c.json({ files: [...items], ...(cursor === undefined ? {} : { cursor }) }, 200);
  });
  app.openapi(getRoute, async (c) => c.json(await files.get(c.req.valid("param").id), 200));
  app.openapi(deleteRoute, async (c) => {
    await files.remove(c.req.valid("param").id);
    return c.body(null, 204);
  });
}
