import type { RawBytes } from "../../bridge/mod.ts";
import type { CallOutcome } from "../../pool/mod.ts";
import type { EncodedJson } from "../schema/mod.ts";
import { inMicroseconds } from "./microseconds.ts";
import type { Traffic } from "./traffic.ts";

/** Bytes up to this size are sent in one piece. */
const SMALL_BYTES = 64 * 1024;

/** The headers that say of a call what JSON says in fields. */
export const CALL_HEADERS = {
  callId: "snakeden-call-id",
  workerId: "snakeden-worker-id",
  durationMs: "snakeden-duration-ms",
  queueMs: "snakeden-queue-ms",
} as const;

/**
 * The policy for bytes of a tool's own media type: a browser that shows them, such as HTML or SVG,
 * runs no script in them, and gives them no access to this server.
 */
export const RAW_POLICY = { "content-security-policy": "sandbox" } as const;

/** The headers that describe an array. */
export const ARRAY_HEADERS = { dtype: "snakeden-dtype", shape: "snakeden-shape" } as const;

/** {@link CALL_HEADERS} and {@link ARRAY_HEADERS}, in an OpenAPI document. */
export const RAW_HEADERS = Object.fromEntries([
  ...Object.entries(CALL_HEADERS).map(([field, name]) => [name, `\`${field}\` of the answer.`]),
  [ARRAY_HEADERS.dtype, "The type of the elements, such as `<f4`."],
  [ARRAY_HEADERS.shape, "The shape, such as `2,3`."],
].map(([name, text]) => [name, {
  description: `If the body is bytes: ${text}`,
  schema: { type: "string" as const },
}]));

/**
 * Returns a response whose body is the bytes of a result. The bytes of an array are its elements.
 *
 * @throws {SnakedenError} `server_busy` if too many large answers wait for their readers.
 */
export function rawAnswer(
  raw: RawBytes,
  { outcome, type, traffic }: {
    readonly outcome: CallOutcome;
    readonly type: string;
    readonly traffic: Pick<Traffic, "answers">;
  },
): EncodedJson<never> {
  const { callId, workerId, durationMs, queueMs } = outcome;
  const headers = {
    [CALL_HEADERS.callId]: callId,
    [CALL_HEADERS.workerId]: workerId,
    [CALL_HEADERS.durationMs]: String(inMicroseconds(durationMs)),
    [CALL_HEADERS.queueMs]: String(inMicroseconds(queueMs)),
  };
  return bytesResponse(raw, { type, traffic, headers });
}

/**
 * Returns a response like {@link rawAnswer}, with these headers of its own.
 *
 * @throws {SnakedenError} `server_busy`.
 */
export function bytesResponse(
  { bytes, dtype, shape }: RawBytes,
  { type, traffic, headers = {} }: {
    readonly type: string;
    readonly traffic: Pick<Traffic, "answers">;
    readonly headers?: Readonly<Record<string, string>>;
  },
): EncodedJson<never> {
  const body = bytes.byteLength <= SMALL_BYTES
    ? new Uint8Array(bytes)
    : traffic.answers.body([bytes]);
  const response = new Response(body, {
    headers: {
      "content-type": type,
      ...RAW_POLICY,
      "content-length": String(bytes.byteLength),
      ...headers,
      ...(dtype === undefined ? {} : { [ARRAY_HEADERS.dtype]: dtype }),
      ...(shape === undefined ? {} : { [ARRAY_HEADERS.shape]: shape.join(",") }),
    },
  });
  // It has no JSON, so it fits the JSON that its route describes beside it.
  return response as EncodedJson<never>;
}
