import type { Bench } from "./bench.ts";

/** The arguments of a small echo: an object of 100 bytes as JSON. */
export const PAYLOAD: { readonly value: string } = { value: "x".repeat(88) };

/** Options of a contender inside its host process. */
export interface StartOptions {
  /** The Python with the packages of the peers; empty for Snakeden, which has its own. */
  readonly python: string;
  /** The folder with the npm packages of the peers; empty if none is needed. */
  readonly npmFolder: string;
  /** The folder in which Snakeden keeps its environment. */
  readonly dataDir: string;
  readonly workers: number;
  readonly queueLimit?: number;
}

/**
 * A way to call Python from Deno, inside a host process of its own. Methods for what it cannot do
 * are left out.
 */
export interface Contender extends AsyncDisposable {
  /** The ids of its Python processes. */
  readonly pids: readonly number[];
  /** Calls an echo of {@link PAYLOAD}; rejects if the answer is wrong. */
  echo(): Promise<void>;
  /** Sends an array there and back; rejects if the answer is wrong. */
  echoArray?(array: Float64Array<ArrayBuffer>): Promise<void>;
  /**
   * Has Python send 0 to n-1. Waits for the promise that `onChunk` returns, if the contender can
   * make Python wait.
   */
  stream?(n: number, onChunk: (value: unknown) => Promise<void> | void): Promise<void>;
  sleep?(seconds: number): Promise<void>;
}

/** A server that is measured over HTTP, in a process of its own. */
export interface HttpServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly body: string;
}

/** A function that starts a server, or throws an error that says in words why it cannot. */
export type StartServer = (bench: Bench) => Promise<HttpServer>;
