import type { TypedResponse } from "hono";
import type { JSONParsed } from "hono/utils/types";

/** A response whose body is JSON text of a `T`, as `c.json()` would have typed it. */
export type EncodedJson<T> = Response & TypedResponse<JSONParsed<T>, 200, "json">;

/**
 * Returns a response of JSON that is text already, typed as what the text says so that a route can
 * be held to its schema. The types take the text at its word; the tests hold every answer against
 * the schema of its route.
 */
export function encodedJson<T>(
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): EncodedJson<T> {
  const response = new Response(body, {
    headers: { "content-type": "application/json", ...headers },
  });
  // Hono adds these fields to the type alone; no response has them.
  return response as EncodedJson<T>;
}
