/** What an id may be made of, so that it can stand in a header and in a log line as it is. */
const REQUEST_ID = /^[\w.:@+/=-]{1,128}$/;

/**
 * Returns the id that a request has in `x-request-id`; a new one if it has none, or an unfit one.
 */
export function requestIdOf(headers: Headers): string {
  const given = headers.get("x-request-id");
  return given !== null && REQUEST_ID.test(given) ? given : crypto.randomUUID();
}
