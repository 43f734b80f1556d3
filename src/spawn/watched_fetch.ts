import type { HostEnd } from "./host_process.ts";

/** A host whose end explains why a request failed. */
export interface WatchedHost {
  /** The end of the host; undefined while it runs. */
  readonly end: HostEnd | undefined;
  readonly exited: Promise<HostEnd>;
  /** Describes the end of the host. */
  readonly endText: () => string;
}

/** A broken connection comes before the end of the process is known; it is waited for so long. */
const END_MS = 1_000;

/** The end of the host, as the reason why `fetch` failed. */
class HostEnded extends Error {
  /** Tells the client whether the request can have reached the host. */
  readonly code: string;

  constructor(message: string, { code, cause }: { code: string; cause?: unknown }) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** Returns a `fetch` whose failures say that the host has ended, and how. */
export function watchedFetch(host: WatchedHost): typeof fetch {
  return async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    if (host.end !== undefined) throw new HostEnded(host.endText(), { code: "ECONNREFUSED" });
    let response: Response;
    try {
      response = await fetch(input, init);
    } catch (error) {
      throw await explained(error, host, init?.signal);
    }
    const { body, status, statusText, headers } = response;
    if (body === null) return response;
    return new Response(watchedBody(body, host, init?.signal), { status, statusText, headers });
  };
}

function watchedBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  host: WatchedHost,
  signal: AbortSignal | null | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(await explained(error, host, signal));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** Returns the error itself if its cause is another than the end of the host. */
async function explained(
  error: unknown,
  host: WatchedHost,
  signal: AbortSignal | null | undefined,
): Promise<unknown> {
  if (signal?.aborted === true) return error;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<void>((resolve) => timer = setTimeout(resolve, END_MS));
  await Promise.race([host.exited, bound]);
  clearTimeout(timer);
  if (host.end === undefined) return error;
  return new HostEnded(host.endText(), { code: "ECONNRESET", cause: error });
}
