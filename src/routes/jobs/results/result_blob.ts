import {
  FRAME_HEAD_BYTES,
  type FrameLayout,
  frameLayout,
  type FramePart,
  type RawBytes,
} from "../../../bridge/mod.ts";
import type { StoredBlob } from "../../../jobs/mod.ts";
import { ARRAY_HEADERS, RAW_POLICY, type Traffic } from "../../calls/mod.ts";
import { rangedAnswer, streamedBody } from "../../http/mod.ts";
import type { EncodedJson } from "../../schema/mod.ts";

const encoder = new TextEncoder();

/** A result that is a blob, with the places of its parts. */
export interface ResultBlob {
  readonly blob: StoredBlob;
  readonly layout: FrameLayout;
}

/** Reads the start of a result, without the rest. */
export async function openResultBlob(blob: StoredBlob): Promise<ResultBlob> {
  const head = await blob.read({ start: 0, end: Math.min(blob.bytes, FRAME_HEAD_BYTES) });
  return { blob, layout: frameLayout(head, blob.bytes) };
}

/** Returns a response with the bytes of a result, or the part that the request asks for. */
export async function blobBytesResponse(
  request: Request,
  { blob, part, type, traffic }: {
    readonly blob: StoredBlob;
    readonly part: FramePart & Omit<RawBytes, "bytes">;
    readonly type: string;
    readonly traffic: Pick<Traffic, "answers">;
  },
): Promise<EncodedJson<never>> {
  const { start: offset, end: last, dtype, shape } = part;
  const source = {
    bytes: last - offset,
    // JSON of the same result has other bytes, and no tag.
    tag: blob.sha256,
    open: ({ start, end }: FramePart) => blob.open({ start: offset + start, end: offset + end }),
  };
  const headers = {
    "content-type": type,
    vary: "accept",
    ...RAW_POLICY,
    ...(dtype === undefined ? {} : { [ARRAY_HEADERS.dtype]: dtype }),
    ...(shape === undefined ? {} : { [ARRAY_HEADERS.shape]: shape.join(",") }),
  };
  const response = await rangedAnswer(request, source, { answers: traffic.answers, headers });
  // It has no JSON, so it fits the JSON that its route describes beside it.
  return response as EncodedJson<never>;
}

/** Returns a response with the JSON of a result, which is read while it is sent. */
export async function blobJsonResponse<T>(
  { method }: Request,
  { blob, part, traffic }: {
    readonly blob: StoredBlob;
    readonly part: FramePart;
    readonly traffic: Pick<Traffic, "answers">;
  },
): Promise<EncodedJson<T>> {
  const before = encoder.encode('{"result":');
  const after = encoder.encode("}");
  const length = before.length + part.end - part.start + after.length;
  const headers = { "content-type": "application/json", "content-length": String(length) };
  if (method === "HEAD") return new Response(null, { headers }) as EncodedJson<T>;
  // A blob that is read as a whole is checked.
  const json = part.end === blob.bytes
    ? (await blob.open()).pipeThrough(withoutStart(part.start))
    : await blob.open(part);
  const streams = [ReadableStream.from([before]), json, ReadableStream.from([after])];
  return new Response(streamedBody(streams, traffic.answers), { headers }) as EncodedJson<T>;
}

/** Drops the first bytes of a stream. */
function withoutStart(bytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = bytes;
  return new TransformStream({
    transform: (chunk, controller) => {
      const rest = left === 0 ? chunk : chunk.subarray(left);
      left -= chunk.length - rest.length;
      if (rest.length > 0) controller.enqueue(rest);
    },
  });
}
