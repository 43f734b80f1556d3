import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { readFrame } from "../../../bridge/mod.ts";
import { shownValue } from "../../../calls/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { Job } from "../../../jobs/mod.ts";
import { OVER_HTTP } from "../../../tools/mod.ts";
import {
  ARRAY_HEADERS,
  BINARY,
  bytesResponse,
  type FindTools,
  namesBytes,
  type Traffic,
} from "../../calls/mod.ts";
import { AcceptRanges, type AppEnv, rangedAnswer, streamedBody } from "../../http/mod.ts";
import { type EncodedJson, invalidBody, onceEach, problemAnswers } from "../../schema/mod.ts";
import { around, jsonAnswer } from "../job_answer.ts";
import { checkStart, NDJSON, type ResultRange, resultStream } from "./batch_result.ts";
import { checkedId } from "../job_fields.ts";
import { JOB_PARAM } from "../job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "../jobs_slice.ts";
import { blobBytesResponse, blobJsonResponse, openResultBlob } from "./result_blob.ts";

const BYTES_TYPE = "application/octet-stream";

const LINES = { schema: { type: "string" as const } };

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
    "`job_unfinished` says that it has not ended. The result of a batch is a line of JSON an " +
    "item, in the order in which they ended: `{index, result}` or `{index, error}`. With " +
    "`follow`, also that of a batch that has not ended: `false` for the lines so far, `true` for " +
    "those to come too. The bytes of a long result, and the lines of a batch that has ended, " +
    "have an `etag`, and can be fetched in parts by `range`.",
  parameters: [
    {
      name: "follow",
      in: "query" as const,
      required: false,
      description: "For a batch in any state: true to wait for further lines until its end.",
      schema: { type: "boolean" as const },
    },
    {
      name: "from",
      in: "query" as const,
      required: false,
      description: "With `follow`, the number of bytes that the client has.",
      schema: { type: "integer" as const, minimum: 0 },
    },
  ],
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "The result. A client whose `accept` names `application/octet-stream`, or the " +
        "media type of the tool, gets bytes and arrays as such.",
      content: {
        "application/json": { schema: resultSchema },
        [BYTES_TYPE]: { schema: BINARY },
        [NDJSON]: LINES,
        "*/*": { schema: BINARY },
      },
      headers: z.object({
        [ARRAY_HEADERS.dtype]: z.string().optional(),
        [ARRAY_HEADERS.shape]: z.string().optional(),
      }),
    },
    206: {
      description: "The part of the bytes that `range` asks for; of long results and batches only.",
      content: { [BYTES_TYPE]: { schema: BINARY }, [NDJSON]: LINES, "*/*": { schema: BINARY } },
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
    const query = onceEach(c.req.queries(), ["follow", "from"]);
    if (query.follow !== undefined || query.from !== undefined) {
      const range = { start: fromOf(query.from), end: Infinity };
      const follow = followOf(query.follow);
      const { kind } = await jobs.get(id);
      if (kind === "batch") {
        await checkStart(jobs, id, range);
        const stream = resultStream(jobs, id, { follow, range });
        return linesAnswer(
          new Response(streamedBody([stream], traffic.answers), {
            headers: { "content-type": NDJSON },
          }),
        );
      }
    }
    const stored = await jobs.storedResult(id);
    if ("outputs" in stored) return await endedBatch(c.req.raw, id, { jobs, traffic });
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

/** Returns the lines of a batch that has ended, or the part of them that is asked for. */
async function endedBatch(
  request: Request,
  id: string,
  { jobs, traffic }: { readonly jobs: JobsSlice; readonly traffic: Traffic },
): Promise<EncodedJson<never>> {
  const { resultBytes: bytes = 0, finishedAt } = await jobs.get(id);
  const source = {
    bytes,
    // The lines of a job that has ended change only if it ends again.
    tag: `${id}-${finishedAt}`,
    open: async (range: ResultRange) => {
      await checkStart(jobs, id, range);
      return resultStream(jobs, id, { follow: false, range });
    },
  };
  const headers = { "content-type": NDJSON };
  return linesAnswer(await rangedAnswer(request, source, { answers: traffic.answers, headers }));
}

/** It has no JSON, so it fits the JSON that its route describes beside it. */
function linesAnswer(response: Response): EncodedJson<never> {
  return response as EncodedJson<never>;
}

function followOf(follow = "false"): boolean {
  if (follow === "true" || follow === "false") return follow === "true";
  const message = `given ${shownValue(follow)}; allowed: true or false`;
  throw invalidBody([{ path: "follow", message }]);
}

function fromOf(from = "0"): number {
  if (/^\d{1,15}$/.test(from)) return Number(from);
  const message = `given ${shownValue(from)}; allowed: a number of bytes`;
  throw invalidBody([{ path: "from", message }]);
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
