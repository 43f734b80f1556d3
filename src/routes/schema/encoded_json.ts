import type { TypedResponse } from "hono";
import type { JSONParsed } from "hono/utils/types";

/** A response whose body is JSON text of a `T`, with the type that `c.json()` would give it. */
export type EncodedJson<T> = Response & TypedResponse<JSONParsed<T>, 200, "json">;

/**
 * Returns a response with JSON that is text already, typed by the contents of the text, so that a
 * route can be checked against its schema. The compiler cannot check the text itself; the tests
 * check every response against the schema of its route.
 */
export function encodedJson<T>(
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): EncodedJson<T> {
  const response = new Response(body, {
    headers: { "content-type": "application/json", ...headers },
  });
  // Hono adds these fields to the type only; no response has them.
  return response as EncodedJson<T>;
}
