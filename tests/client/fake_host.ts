/** Servers that answer as hosts and proxies do when things go wrong. */
import { SnakedenClient } from "../../src/client/mod.ts";
import type { ClientOptions } from "../../src/client/mod.ts";

/** A server, and the requests that it has received. */
export interface FakeHost extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Pick<Request, "url" | "headers">[];
}

/** Serves answers on a free port. */
export function fakeHost(answer: (request: Request) => Response | Promise<Response>): FakeHost {
  const requests: Pick<Request, "url" | "headers">[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response() },
    async (request) => {
      requests.push({ url: request.url, headers: new Headers(request.headers) });
      const response = await answer(request);
      // Not awaited: a body that never ends is cancelled when the client is gone.
      if (request.body !== null && !request.bodyUsed) request.body.cancel().catch(() => {});
      return response;
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Returns the URL of a port on which nobody listens. */
export function deadUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

/** Returns a client whose hosts rest but a moment. */
export function clientOf(urls: readonly string[], options: ClientOptions = {}): SnakedenClient {
  return new SnakedenClient({
    baseUrls: urls,
    ...options,
    retry: { minRestMs: 1, maxRestMs: 2, ...options.retry },
  });
}

/** Answers a call with a result. */
export function result(value: unknown): Response {
  return Response.json({ result: value, callId: "c", workerId: "w", durationMs: 1, queueMs: 0 });
}

/** Answers with a problem document. */
export function problem(status: number, code: string, more: object = {}): Response {
  return new Response(
    JSON.stringify({ status, code, detail: `problem ${code}`, retryable: true, ...more }),
    { status, headers: { "content-type": "application/problem+json" } },
  );
}

/** Answers with Server-Sent Events; `end` says whether the connection breaks after them. */
export function events(text: string, end: "closes" | "breaks"): Response {
  let isSent = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller): void {
      if (!isSent) {
        isSent = true;
        controller.enqueue(new TextEncoder().encode(text));
      } else if (end === "closes") controller.close();
      else controller.error(new Error("broken on purpose"));
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
