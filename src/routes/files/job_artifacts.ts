import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { SnakedenError } from "../../errors.ts";
import type { FileInfo } from "../../files/mod.ts";
import type { Jobs } from "../../jobs/mod.ts";
import { BINARY, type Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { onceEach, problemAnswers } from "../schema/mod.ts";
import { contentAnswer } from "./content.ts";
import { fileSchema } from "./file_schema.ts";
import type { FilesSlice } from "./files.ts";

/** The part of the jobs that knows what they have made. */
export type JobFilesSlice = Pick<Jobs, "artifacts">;

const tags = ["jobs"];
const JOB_PARAM = z.object({ id: z.string().openapi({ example: "0195b2f0-7c1e-7d3a-8a0b" }) });
/** The most files that are read at once to find one by its name. */
const PAGE = 1_000;

const listRoute = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/artifacts",
  operationId: "listJobArtifacts",
  tags,
  summary: "List the files that a job has made",
  description: "Latest first. The files are kept with the job, and are listed by `/v1/files` too.",
  parameters: [
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
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "A page of files.",
      content: {
        "application/json": {
          schema: z.object({ artifacts: z.array(fileSchema), cursor: z.string().optional() }),
        },
      },
    },
    ...problemAnswers(400, 404, 500, 503),
  },
});

const contentRoute = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/artifacts/{name}",
  operationId: "getJobArtifact",
  tags,
  summary: "Download a file that a job has made",
  description: "The latest one of that name. `range` and the other headers are those of " +
    "`/v1/files/{id}/content`.",
  request: { params: JOB_PARAM.extend({ name: z.string().openapi({ example: "clean.csv" }) }) },
  responses: {
    200: {
      description: "The bytes of the file, with its media type.",
      content: { "*/*": { schema: BINARY } },
    },
    206: {
      description: "The requested part.",
      content: { "*/*": { schema: BINARY } },
    },
    304: { description: "The client has the bytes already." },
    ...problemAnswers(404, 416, 500, 503),
  },
});

/** Adds `/v1/jobs/:id/artifacts` and the files there, by name. */
export function addJobArtifacts(
  app: OpenAPIHono<AppEnv>,
  jobs: JobFilesSlice,
  { files, traffic }: {
    readonly files: Pick<FilesSlice, "read">;
    readonly traffic: Pick<Traffic, "answers">;
  },
): void {
  app.openapi(listRoute, async (c) => {
    const { limit, ...query } = onceEach(c.req.queries(), ["cursor", "limit"]);
    const page = { ...query, ...(limit === undefined ? {} : { limit: Number(limit) }) };
    const { items, cursor } = await jobs.artifacts(c.req.valid("param").id, page);
    return c.json({ artifacts: [...items], ...(cursor === undefined ? {} : { cursor }) }, 200);
  });
  app.openapi(contentRoute, async (c) => {
    const { id, name } = c.req.valid("param");
    const file = await find(jobs, id, name);
    return await contentAnswer(c.req.raw, file, {
      read: (part) => files.read(file, part),
      traffic,
    });
  });
}

/** Returns the last file of a name that a job has made. */
async function find(jobs: JobFilesSlice, id: string, name: string): Promise<FileInfo> {
  let cursor: string | undefined;
  do {
    const page = { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
    const { items, cursor: next } = await jobs.artifacts(id, page);
    const found = items.find((it) => it.name === name);
    if (found !== undefined) return found;
    cursor = next;
  } while (cursor !== undefined);
  const text = `There is no file ${JSON.stringify(name.slice(0, 255))} of the job ${id}: the job ` +
    "has made none of this name, or it was removed";
  throw new SnakedenError("unknown_file", text, { details: { jobId: id, name } });
}
