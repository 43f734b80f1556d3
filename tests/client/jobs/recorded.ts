/** Answers about jobs as a host gives them, and a host that loses some of its own. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";

/** The JSON of a job. */
export function jobJson(fields: object = {}): Record<string, unknown> {
  return {
    id: "01kbd3v4q8z6m2t9x0y5w7r1sa",
    kind: "call",
    queue: "default",
    state: "available",
    done: false,
    priority: 0,
    tool: "add",
    pool: "default",
    tags: [],
    metadata: {},
    attempt: 0,
    maxAttempts: 3,
    createdAt: "2026-11-26T16:00:00.000Z",
    ...fields,
  };
}

/** The JSON of a job that is completed, with its result as JSON text. */
export function completedJson(result: string): string {
  const fields = { state: "completed", done: true, attempt: 1, attempts: [] };
  return `${JSON.stringify(jobJson(fields)).slice(0, -1)},"result":${result}}`;
}

/** Answers with JSON that is text already. */
export function json(text: string, init: ResponseInit = {}): Response {
  return new Response(text, {
    ...init,
    headers: { ...init.headers, "content-type": "application/json" },
  });
}

/** Answers a submission. */
export function submitted(answer: string, fields: object = {}): Response {
  const status = answer === "created" ? 201 : 200;
  return json(JSON.stringify(jobJson(fields)), { status, headers: { "snakeden-submit": answer } });
}

/** A host of which a test sees the bytes of each request. */
export interface RawHost extends AsyncDisposable {
  readonly url: string;
  /** The bodies of the requests. */
  readonly bodies: readonly string[];
}

/**
 * Serves one answer for each connection, as the bytes of HTTP. Without an answer the connection is
 * closed after its request has been read.
 */
export function rawHost(answer: (body: string, count: number) => string | undefined): RawHost {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const bodies: string[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      const body = await bodyOf(conn);
      bodies.push(body);
      const text = answer(body, bodies.length);
      if (text !== undefined) await conn.write(new TextEncoder().encode(text));
      conn.close();
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    bodies,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving.catch(() => {});
    },
  };
}

async function bodyOf(conn: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    const read = await conn.read(buffer);
    if (read === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, read));
    const [head = "", body] = text.split("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (body !== undefined && body.length >= length) return body;
  }
}

/** Returns an answer as the bytes of HTTP. */
export function rawAnswer(status: string, body: string, headers = ""): string {
  const type = status.startsWith("2") ? "application/json" : "application/problem+json";
  return `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n` +
    `connection: close\r\n${headers}\r\n${body}`;
}

/** Returns the error of a promise. */
export async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}
