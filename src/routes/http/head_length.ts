/**
 * Sets the length of a response to HEAD to that of the response to GET. Hono removes the body, and
 * the runtime would announce a length of 0.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.6
 */
export async function announceLength(answer: Response): Promise<void> {
  const { byteLength } = await answer.bytes();
  answer.headers.set("content-length", String(byteLength));
}
