import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { FileInfo, FileRange } from "../../files/mod.ts";
import { BINARY, RAW_POLICY, type Traffic } from "../calls/mod.ts";
import { type AppEnv, rangedAnswer } from "../http/mod.ts";
import { type EncodedJson, problemAnswers } from "../schema/mod.ts";
import { attachment } from "./content_disposition.ts";
import { FILE_PARAM } from "./file_schema.ts";
import type { FilesSlice } from "./files.ts";

const content = { "*/*": { schema: BINARY } };

const route = createRoute({
  method: "get",
  path: "/v1/files/{id}/content",
  operationId: "getFileContent",
  tags: ["files"],
  summary: "Download a file",
  description:
    "The `etag` is the SHA-256 of the file. `range` asks for a part, so that a download " +
    "can go on where it broke off; with `if-range`, only if the bytes are the same.",
  parameters: ["range", "if-range", "if-none-match"].map((name) => ({
    name,
    in: "header" as const,
    required: false,
    schema: { type: "string" as const },
  })),
  request: { params: FILE_PARAM },
  responses: {
    200: {
      description: "The bytes of the file, with its media type.",
      content,
      headers: z.object({
        etag: z.string(),
        "accept-ranges": z.literal("bytes"),
        "content-disposition": z.string(),
      }),
    },
    206: {
      description: "The requested part.",
      content,
      headers: z.object({ "content-range": z.string() }),
    },
    304: { description: "The client has the bytes already." },
    ...problemAnswers(404, 416, 500, 503),
  },
});

/** Adds `GET /v1/files/:id/content`, and HEAD of it. */
export function addFileContent(
  app: OpenAPIHono<AppEnv>,
  files: FilesSlice,
  { traffic }: { readonly traffic: Pick<Traffic, "answers"> },
): void {
  app.openapi(route, async (c) => {
    const file = await files.get(c.req.valid("param").id);
    return await contentAnswer(c.req.raw, file, {
      read: (part) => files.read(file, part),
      traffic,
    });
  });
}

/** The bytes of a file, and the bounds on their readers. */
export interface ContentOptions {
  readonly read: (part: FileRange) => Promise<ReadableStream<Uint8Array>>;
  readonly traffic: Pick<Traffic, "answers">;
}

/**
 * Returns a response with the bytes of a file, or the part of them that a request asks for. A
 * browser saves it, and runs nothing of it.
 *
 * @throws {SnakedenError} `range_not_satisfiable`, and what `read` throws.
 */
export async function contentAnswer(
  request: Request,
  { name, bytes, sha256, mediaType = "application/octet-stream" }: Pick<
    FileInfo,
    "name" | "bytes" | "sha256" | "mediaType"
  >,
  { read, traffic }: ContentOptions,
): Promise<EncodedJson<never>> {
  const answer = await rangedAnswer(request, { bytes, tag: sha256, open: read }, {
    answers: traffic.answers,
    headers: {
      ...RAW_POLICY,
      "cache-control": "private, no-cache",
      "content-type": mediaType,
      "content-disposition": attachment(name),
    },
  });
  // It has no JSON, so it fits whatever JSON a route describes.
  return answer as EncodedJson<never>;
}
