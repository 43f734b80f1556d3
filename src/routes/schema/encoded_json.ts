import type { TypedResponse } from "hono";
import type { StatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";

/** A response whose body is JSON text of a `T`, with the type that `c.json()` would give it. */
export type EncodedJson<T, Status extends StatusCode = 200> =
  & Response
  & TypedResponse<JSONParsed<T>, Status, "json">;

/**
 * Returns a response with JSON that is text already, typed by the contents of the text, so that a
 * route can be checked against its schema. The compiler cannot check the text itself; the tests
 * check every response against the schema of its route.
 */
export function encodedJson<T>(
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): EncodedJson<T> {
  return encodedJsonAs<T, 200>(body, { status: 200, headers });
}

/** Returns a response like {@link encodedJson}, with this status. */
export function encodedJsonAs<T, Status extends StatusCode>(
  body: BodyInit,
  { status, headers }: {
    readonly status: Status;
    readonly headers: Readonly<Record<string, string>>;
  },
): EncodedJson<T, Status> {
  const response = new Response(body, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
  // Hono adds these fields to the type only; no response has them.
  return response as EncodedJson<T, Status>;
}
