import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { FileInfo } from "../../files/mod.ts";
import { BINARY, RAW_POLICY, type Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { type EncodedJson, problemAnswers } from "../schema/mod.ts";
import { attachment } from "./content_disposition.ts";
import { FILE_PARAM } from "./file_schema.ts";
import type { FilesSlice } from "./files.ts";
import { isKnown, partHeaders, partOf } from "./ranges.ts";
import { sentStream } from "./sent_stream.ts";

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
      description: "The part that was asked for.",
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
    const { headers, method } = c.req.raw;
    const file = await files.get(c.req.valid("param").id);
    return await contentAnswer(file, {
      headers,
      isHead: method === "HEAD",
      read: (part) => files.read(file, part),
      traffic,
    });
  });
}

/** The parts of {@link contentAnswer}. */
export interface ContentAnswer {
  /** The headers of the request. */
  readonly headers: Headers;
  readonly isHead: boolean;
  readonly read: (part: { start: number; end: number } | undefined) => Promise<
    ReadableStream<Uint8Array>
  >;
  readonly traffic: Pick<Traffic, "answers">;
}

/**
 * Returns a response with the bytes of a file, or the part of them that a request asks for. A
 * browser saves it, and runs nothing of it.
 *
 * @throws {SnakedenError} `range_not_satisfiable`, and what `read` throws.
 */
export async function contentAnswer(
  { name, bytes, sha256, mediaType = "application/octet-stream" }: Pick<
    FileInfo,
    "name" | "bytes" | "sha256" | "mediaType"
  >,
  { headers, isHead, read, traffic }: ContentAnswer,
): Promise<EncodedJson<never>> {
  const representation = { bytes, etag: `"${sha256}"` };
  const caching = { etag: representation.etag, "cache-control": "private, no-cache" };
  if (isKnown(headers, representation)) {
    return new Response(null, { status: 304, headers: caching }) as EncodedJson<never>;
  }
  const part = partOf(headers, representation);
  const answer = {
    status: part === undefined ? 200 : 206,
    headers: {
      ...partHeaders(part, representation),
      ...caching,
      ...RAW_POLICY,
      "content-type": mediaType,
      "content-disposition": attachment(name),
    },
  };
  const body = isHead ? null : sentStream(await read(part), traffic.answers);
  // It has no JSON, so it fits whatever JSON a route describes.
  return new Response(body, answer) as EncodedJson<never>;
}
