/** A client of the tool `hear` over `GET /v1/socket`. It uses nothing but what browsers have. */

/** Samples in a frame of 20 ms. */
export const FRAME_SAMPLES = 320;
const FRAME_MS = 20;
/** Beyond so many frames without an answer, frames are dropped: what is late is worth nothing. */
const MAX_UNANSWERED = 250;
/** A session ends when it was not used for this time, in case its client could not end it. */
const SESSION_TTL_MS = 60_000;
/** The kind of a packed message. */
const PACKED = 3;

/** An event, and its offset in the audio. After an `error` the client goes on by itself. */
export type CaptionEvent =
  | { readonly type: "start" | "end"; readonly atMs: number }
  | { readonly type: "error"; readonly atMs: number; readonly code: string };

/** Options of {@link CaptionClient.open}. */
export interface CaptionClientOptions {
  readonly sessionId: string;
  readonly onEvent: (event: CaptionEvent) => void;
  /** Called with the time from each frame to its answer. */
  readonly onAnswer?: (ms: number) => void;
}

interface Unanswered {
  readonly endMs: number;
  readonly sentAt: number;
  readonly rebinds: boolean;
}

/** A speaker, whose frames are calls of one session. The worker of the session has its detector. */
export class CaptionClient implements AsyncDisposable {
  readonly #url: string;
  readonly #options: CaptionClientOptions;
  readonly #socket: WebSocket;
  readonly #unanswered = new Map<number, Unanswered>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #id = 0;
  #atMs = 0;
  /** The offset up to which the audio was heard. */
  #heardMs = 0;
  /** True once the worker of the session is lost, until another one has it. */
  #isLost = false;
  #onIdle: (() => void) | undefined;

  private constructor(url: string, socket: WebSocket, options: CaptionClientOptions) {
    this.#url = url;
    this.#options = options;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#onMessage(JSON.parse(data)));
    socket.addEventListener("open", () => {
      const call = { type: "call", id: 0, tool: "join", ...this.#binding, rebind: true };
      socket.send(JSON.stringify(call));
    });
    socket.addEventListener("close", () => this.#onClose());
  }

  /** Opens a session and a socket, and gets a detector for the session. */
  static async open(url: string, options: CaptionClientOptions): Promise<CaptionClient> {
    await openSession(url, options.sessionId);
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/socket`, ["snakeden.v1"]);
    const client = new CaptionClient(url, socket, options);
    await client.#joined.promise;
    return client;
  }

  /** The number of frames that were not answered yet. */
  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Sends the next 20 ms of audio; returns false if they are dropped. */
  send(frame: Int16Array): boolean {
    const atMs = this.#atMs;
    this.#atMs += FRAME_MS;
    if (this.#unanswered.size >= MAX_UNANSWERED) return false;
    const id = ++this.#id;
    const rebinds = this.#isLost;
    this.#unanswered.set(id, { endMs: this.#atMs, sentAt: performance.now(), rebinds });
    const args = { pcm: { $snakeden: "bytes", buffer: 0 }, at_ms: atMs };
    const call = { type: "call", id, tool: "hear", args, ...this.#binding, rebind: rebinds };
    this.#socket.send(packed(id, call, frame));
    return true;
  }

  /** The fields of a call that keep it to the worker of the session. */
  get #binding(): Readonly<Record<string, string>> {
    return { sessionId: this.#options.sessionId, affinity: "strict_queue" };
  }

  /** Resolves when all frames were answered. */
  async idle(): Promise<void> {
    while (this.#unanswered.size > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
  }

  /** Closes the socket, which cancels the calls on it, and ends the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#closed.promise;
    const answer = await fetch(sessionUrl(this.#url, this.#options.sessionId), {
      method: "DELETE",
    });
    await answer.body?.cancel();
  }

  // deno-lint-ignore no-explicit-any -- messages of docs/http.md
  #onMessage({ type, id, result, problem }: any): void {
    if (type === "error" && (id === null || id === 0)) {
      return this.#joined.reject(new Error(problem.detail));
    }
    if (id === 0) return this.#joined.resolve();
    const frame = this.#unanswered.get(id);
    if (frame === undefined) return;
    this.#unanswered.delete(id);
    if (type === "result") this.#onResult(result, frame);
    else this.#onError(problem.code, frame);
    if (this.#unanswered.size === 0) this.#onIdle?.();
  }

  #onResult(
    events: readonly { readonly type: "start" | "end"; readonly at_ms: number }[],
    { endMs, sentAt, rebinds }: Unanswered,
  ): void {
    this.#heardMs = endMs;
    if (rebinds) this.#isLost = false;
    this.#options.onAnswer?.(performance.now() - sentAt);
    for (const { type, at_ms: atMs } of events) this.#options.onEvent({ type, atMs });
  }

  #onError(code: string, { rebinds }: Unanswered): void {
    // The frames that were on their way to the same worker fail as well.
    if (this.#isLost && !rebinds) return;
    this.#isLost = code === "worker_crashed" || code === "session_worker_unavailable";
    this.#options.onEvent({ type: "error", atMs: this.#heardMs, code });
  }

  #onClose(): void {
    this.#joined.reject(new Error(`The socket to ${this.#url} was closed`));
    this.#unanswered.clear();
    this.#onIdle?.();
    this.#closed.resolve();
  }
}

/** Returns a packed message: the head, one length, the buffer, and the text. */
function packed(id: number, text: unknown, frame: Int16Array): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(text));
  const textAt = 16 + Math.ceil(frame.byteLength / 8) * 8;
  const message = new Uint8Array(textAt + json.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, PACKED);
  view.setUint32(4, id, true);
  view.setUint32(8, 1, true);
  view.setUint32(12, frame.byteLength, true);
  message.set(new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength), 16);
  message.set(json, textAt);
  return message;
}

async function openSession(url: string, sessionId: string): Promise<void> {
  const answer = await fetch(sessionUrl(url, sessionId), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ttlMs: SESSION_TTL_MS }),
  });
  const { detail } = await answer.json();
  if (!answer.ok) throw new Error(detail);
}

function sessionUrl(url: string, sessionId: string): string {
  return `${url}/v1/sessions/${sessionId}`;
}
