import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { readFrame } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { Job } from "../../jobs/mod.ts";
import { OVER_HTTP } from "../../tools/mod.ts";
import { ARRAY_HEADERS, BINARY, bytesResponse, type FindTools, namesBytes } from "../calls/mod.ts";
import { AcceptRanges, type AppEnv } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
import { around, jsonAnswer } from "./job_answer.ts";
import { checkedId } from "./job_fields.ts";
import { JOB_PARAM } from "./job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "./jobs_slice.ts";
import { blobBytesResponse, blobJsonResponse, openResultBlob } from "./result_blob.ts";

const BYTES_TYPE = "application/octet-stream";

const resultSchema = z.object({
  result: z.unknown().openapi({ description: "What the tool returned.", example: 5 }),
});

const route = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/result",
  operationId: "getJobResult",
  tags: ["jobs"],
  summary: "Fetch the result of a job",
  description:
    "A job that has failed returns its error, with the status of that error. The problem " +
    "`job_unfinished` says that it has not ended. The bytes of a long result have an `etag`, and " +
    "can be fetched in parts by `range`.",
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "The result. A client whose `accept` names `application/octet-stream`, or the " +
        "media type of the tool, gets bytes and arrays as such.",
      content: {
        "application/json": { schema: resultSchema },
        [BYTES_TYPE]: { schema: BINARY },
        "*/*": { schema: BINARY },
      },
      headers: z.object({
        [ARRAY_HEADERS.dtype]: z.string().optional(),
        [ARRAY_HEADERS.shape]: z.string().optional(),
      }),
    },
    206: {
      description: "The part of the bytes that `range` asks for; of long results only.",
      content: { [BYTES_TYPE]: { schema: BINARY }, "*/*": { schema: BINARY } },
    },
    304: { description: "The client has the bytes already, as `if-none-match` says." },
    ...problemAnswers(400, 404, 406, 409, 410, 416, 422, 429, 500, 502, 503, 504, 508),
  },
});

/** Adds `GET /v1/jobs/:id/result`. */
export function addJobResult(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, writer, tools }: JobRouteOptions & { readonly tools: FindTools },
): void {
  app.openapi(route, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    using caller = traffic.callers.open(c.req.raw, c.env);
    const stored = await jobs.storedResult(id);
    const accept = c.req.header("accept");
    const typeOf = async (): Promise<string | undefined> => mediaTypeOf(await jobs.get(id), tools);
    if (!(stored instanceof Uint8Array)) {
      const { blob, layout: { raw, json } } = await openResultBlob(stored);
      const type = await bytesTypeFor(accept, { hasBytes: raw !== undefined, typeOf });
      if (type !== undefined && raw !== undefined) {
        return await blobBytesResponse(c.req.raw, { blob, part: raw, type, traffic });
      }
      if (json !== undefined) {
        const parts = { blob, part: json, traffic };
        return await blobJsonResponse<z.infer<typeof resultSchema>>(c.req.raw, parts);
      }
    }
    // Only JSON with arrays or bytes in it must be written anew, and so be in memory.
    using _room = stored instanceof Uint8Array ? undefined : traffic.answers.hold(stored.bytes);
    const value = readFrame(stored instanceof Uint8Array ? stored : await stored.read());
    const { raw } = value;
    const type = await bytesTypeFor(accept, { hasBytes: raw !== undefined, typeOf });
    if (type !== undefined && raw !== undefined) return bytesResponse(raw, { type, traffic });
    const piece = around('{"result":', await writer.value(value, caller.signal), "}");
    return jsonAnswer<z.infer<typeof resultSchema>, 200>(piece, { status: 200, traffic });
  });
}

function mediaTypeOf({ tool, pool, sessionId }: Job, tools: FindTools): string | undefined {
  if (tool === undefined) return undefined;
  const session = sessionId === undefined ? {} : { sessionId };
  return tools.find(tool, pool, { ...session, ...OVER_HTTP })?.mediaType;
}

/**
 * Returns the type of the bytes of a result for a client that prefers them to JSON; undefined to
 * send JSON.
 *
 * @throws {SnakedenError} `not_acceptable` if the client takes bytes alone and there are none.
 */
async function bytesTypeFor(
  accept: string | undefined,
  { hasBytes, typeOf }: {
    readonly hasBytes: boolean;
    readonly typeOf: () => Promise<string | undefined>;
  },
): Promise<string | undefined> {
  if (accept === undefined || accept === "*/*" || accept === "application/json") return undefined;
  const ranges = new AcceptRanges(accept);
  const json = ranges.qualityOf("application/json");
  if (!namesBytes(ranges) && json > 0) return undefined;
  const own = await typeOf();
  const offers = own === undefined ? [BYTES_TYPE] : [own, BYTES_TYPE];
  const type = offers.find((it) => ranges.qualityByName(it) > 0);
  if (type === undefined) {
    if (json > 0 || !namesBytes(ranges)) return undefined;
    throw notAcceptable(accept, `its bytes can be sent as ${offers.join(" or ")}`);
  }
  if (json > ranges.qualityByName(type)) return undefined;
  if (hasBytes) return type;
  if (json > 0) return undefined;
  throw notAcceptable(accept, "it is neither bytes nor an array");
}

function notAcceptable(accept: string, why: string): SnakedenError {
  const given = accept.slice(0, 200);
  return new SnakedenError(
    "not_acceptable",
    `Cannot answer the result with ${JSON.stringify(given)}: ${why}; ` +
      "application/json in the header accept takes every result",
    { details: { given } },
  );
}
