/**
 * Sets the length of a response to HEAD to that of the response to GET. Hono removes the body, and
 * the runtime would announce a length of 0. A body whose length is known already is not made, and
 * events have neither a length nor an end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.6
 */
export async function announceLength(answer: Response): Promise<void> {
  const { headers, body } = answer;
  if (headers.has("content-length") || isEvents(headers)) {
    await body?.cancel();
    return;
  }
  const { byteLength } = await answer.bytes();
  headers.set("content-length", String(byteLength));
}

function isEvents(headers: Headers): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}
