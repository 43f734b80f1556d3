/** The form of an id that can be in a header and in a log line as it is. */
const REQUEST_ID = /^[\w.:@+/=-]{1,128}$/;

/** Returns the id in `x-request-id`, or a new one if there is none or it has another form. */
export function requestIdOf(headers: Headers): string {
  const given = headers.get("x-request-id");
  return given !== null && REQUEST_ID.test(given) ? given : crypto.randomUUID();
}
