/**
 * Gives the answer to a HEAD the length that the one to a GET has. Its body is taken away by Hono,
 * and the runtime would announce what is left: nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.6
 */
export async function announceLength(answer: Response): Promise<void> {
  const { byteLength } = await answer.bytes();
  answer.headers.set("content-length", String(byteLength));
}
