import { LineSplitter, type ProcessExit } from "../../../../process/mod.ts";

/** A message of the processes of python/src/snakeden/_template. The twin of messages.py there. */
export type TemplateMessage =
  /** A template runs, and is about to preload. It says so itself, before all else. */
  | { readonly started: { readonly generation: number; readonly pid: number } }
  /** It imports a module. */
  | { readonly preloading: { readonly generation: number; readonly module: string } }
  /** It can fork workers. */
  | { readonly ready: { readonly generation: number; readonly rssBytes: number } }
  /** It cannot, and has ended. `unsafe` says that another one could not either. */
  | {
    readonly refused: {
      readonly generation: number;
      readonly reason: string;
      readonly unsafe: boolean;
    };
  }
  /** It has ended by itself, or was killed. */
  | { readonly lost: { readonly generation: number; readonly exit: TemplateExit } }
  /** A worker runs. The worker itself says so. */
  | { readonly forked: { readonly id: number; readonly pid: number } }
  /** A worker was not forked. `unsafe` says that none will be. */
  | {
    readonly failed: { readonly id: number; readonly reason: string; readonly unsafe?: boolean };
  }
  /** A worker has ended. */
  | {
    readonly ended: {
      readonly pid: number;
      /** The launch that it was forked for; 0 if the template has not outlived it. */
      readonly id: number;
      readonly exit: TemplateExit;
    };
  };

/** The end of a process. */
export type TemplateExit = { readonly code: number } | { readonly signal: Deno.Signal };

/** A request of the host to the reaper. */
export type TemplateRequest =
  /** Starts a template in place of the one that runs. */
  | { readonly template: { readonly generation: number } }
  /** Forks a worker whose pipes are connected. */
  | {
    readonly fork: {
      readonly id: number;
      /** The path of the pipe to make, which becomes the standard input of the worker. */
      readonly guard: string;
      readonly env: Readonly<Record<string, string>>;
    };
  }
  /** The host has opened the standard input of a worker. */
  | { readonly held: { readonly id: number } }
  /** A worker is not wanted any more. If it was forked, it is killed. */
  | { readonly drop: { readonly id: number } };

/** Returns the end of a process as the host describes it. */
export function exitOf(exit: TemplateExit): ProcessExit {
  return "code" in exit
    ? { exitCode: exit.code, signal: null }
    : { exitCode: null, signal: exit.signal };
}

/** The connection to a reaper: reads messages as they come, and writes requests in order. */
export class TemplateConnection {
  /** Resolves when the connection has ended and is closed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.Conn;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(conn: Deno.Conn, onMessage: (message: TemplateMessage) => void) {
    this.#conn = conn;
    this.ended = this.#read(onMessage);
    this.#send("control");
  }

  /** Sends a request. A broken connection is found by the reader. */
  request(request: TemplateRequest): void {
    this.#send(JSON.stringify(request));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  #send(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    this.#writing = this.#writing.then(() => writeAll(this.#conn, bytes)).catch(() => {});
  }

  async #read(onMessage: (message: TemplateMessage) => void): Promise<void> {
    const decoder = new TextDecoder();
    const splitter = new LineSplitter();
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let count; (count = await this.#conn.read(buffer)) !== null;) {
        const text = decoder.decode(buffer.subarray(0, count), { stream: true });
        for (const line of splitter.push(text)) onMessage(JSON.parse(line));
      }
    } catch {
      // A reset means that the reaper left something unread. Both ends count alike.
    }
    this.close();
  }
}

/** Writes all bytes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += await conn.write(bytes.subarray(at));
}
