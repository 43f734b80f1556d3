import type { StatusCode } from "hono/utils/http-status";
import type { Traffic } from "../calls/mod.ts";
import { lengthOf } from "../http/mod.ts";
import { type EncodedJson, encodedJsonAs } from "../schema/mod.ts";

const encoder = new TextEncoder();

/** JSON text, or the parts of a large one. */
export type JsonPiece = string | readonly Uint8Array[];

/**
 * Returns a response with JSON. Parts are sent as their reader reads them.
 *
 * @throws {SnakedenError} `server_busy` if too many large answers wait for their readers.
 */
export function jsonAnswer<T, Status extends StatusCode>(
  piece: JsonPiece,
  { status, traffic, headers = {} }: {
    readonly status: Status;
    readonly traffic: Pick<Traffic, "answers">;
    readonly headers?: Readonly<Record<string, string>>;
  },
): EncodedJson<T, Status> {
  if (typeof piece === "string") return encodedJsonAs<T, Status>(piece, { status, headers });
  const length = { "content-length": String(lengthOf(piece)) };
  const body = traffic.answers.body(piece);
  return encodedJsonAs<T, Status>(body, { status, headers: { ...headers, ...length } });
}

/** Returns JSON in parts, with text before and after it. */
export function around(before: string, piece: JsonPiece, after: string): JsonPiece {
  return typeof piece === "string"
    ? before + piece + after
    : [encoder.encode(before), ...piece, encoder.encode(after)];
}
