import type { Bench } from "./bench.ts";

/** What a small echo carries: an object of 100 bytes as JSON. */
export const PAYLOAD: { readonly value: string } = { value: "x".repeat(88) };

/** How a contender is started inside its host process. */
export interface StartOptions {
  /** Python with the packages of the peers; empty for Snakeden, which has its own. */
  readonly python: string;
  /** Folder with the npm packages of the peers; empty where none is needed. */
  readonly npmFolder: string;
  /** Where Snakeden keeps its environment. */
  readonly dataDir: string;
  readonly workers: number;
  readonly queueLimit?: number;
}

/**
 * Something that calls Python from Deno, inside a host process of its own. What it cannot do is
 * left out.
 */
export interface Contender extends AsyncDisposable {
  /** Python processes. */
  readonly pids: readonly number[];
  /** One echo of {@link PAYLOAD}; rejects when the answer is wrong. */
  echo(): Promise<void>;
  /** There and back; rejects when the answer is wrong. */
  echoArray?(array: Float64Array<ArrayBuffer>): Promise<void>;
  /**
   * Has Python send 0 to n-1; waits for what `onChunk` answers, where the contender can make Python
   * wait.
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

/** Starts a server, or says in words why it cannot. */
export type StartServer = (bench: Bench) => Promise<HttpServer>;
