import { messageOf } from "../src/errors.ts";
import { lines } from "./line_stream.ts";
import type { Figures } from "./measure.ts";

/** What a host is asked to measure. */
export type HostCommand =
  | {
    readonly do: "load";
    readonly callers: number;
    readonly durationMs: number;
    /** Echo an array of that many bytes instead of the small text. */
    readonly arrayBytes?: number;
    readonly tolerant?: boolean;
  }
  | { readonly do: "burst"; readonly calls: number }
  | { readonly do: "stream"; readonly chunks: number; readonly pauseMs?: number }
  | { readonly do: "batch"; readonly calls: number; readonly slowSeconds: number }
  | { readonly do: "idle"; readonly durationMs: number };

/** What the load generator is asked to measure. */
export interface HttpCommand {
  readonly do: "http";
  readonly port: number;
  readonly path: string;
  readonly body: string;
  /** Has to be in every answer. */
  readonly expected: string;
  readonly connections: number;
  readonly durationMs: number;
}

/** What a process of the bench says first. */
export interface ReadyLine {
  /** Python processes it started. */
  readonly pids: readonly number[];
  readonly figures: Figures;
}

/** An answer, or why there is none. */
export type Answer<T> = { readonly ok: T } | { readonly error: string };

/**
 * The child's side: says that it is ready, then answers each line on stdin with one on stdout until
 * stdin ends.
 */
export async function serveCommands<C>(
  ready: ReadyLine,
  handle: (command: C) => Promise<Figures>,
): Promise<void> {
  say({ ok: ready });
  for await (const line of lines(Deno.stdin.readable)) {
    try {
      say({ ok: await handle(JSON.parse(line)) });
    } catch (error) {
      say({ error: messageOf(error) });
    }
  }
}

/** Writes one answer. */
export function say(answer: Answer<unknown>): void {
  console.log(JSON.stringify(answer));
}
