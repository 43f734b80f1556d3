import { messageOf } from "../src/errors.ts";
import { lines } from "./line_stream.ts";
import type { Figures } from "./measure.ts";

/** A command to a host: what to measure. */
export type HostCommand =
  | {
    readonly do: "load";
    readonly callers: number;
    readonly durationMs: number;
    /** The size of an array to echo instead of the small text. */
    readonly arrayBytes?: number;
    readonly tolerant?: boolean;
  }
  | { readonly do: "burst"; readonly calls: number }
  | { readonly do: "stream"; readonly chunks: number; readonly pauseMs?: number }
  | { readonly do: "batch"; readonly calls: number; readonly slowSeconds: number }
  | { readonly do: "idle"; readonly durationMs: number };

/** The place in a body where each connection puts its number, in as many digits. */
export const CONNECTION = "{connection}";

/** A command to the load generator: what to measure. */
export interface HttpCommand {
  readonly do: "http";
  readonly port: number;
  readonly path: string;
  /** The body. {@link CONNECTION} in it stands for the number of the connection. */
  readonly body: string;
  /** A text that every answer must contain. */
  readonly expected: string;
  readonly connections: number;
  readonly durationMs: number;
}

/** A command to a process that has a model: what to measure. */
export interface ModelCommand {
  /** The texts of one call. */
  readonly texts: readonly string[];
  readonly callers: number;
  readonly durationMs: number;
}

/** A command to a host with sessions: what to measure. */
export type SessionsCommand =
  | VariablesCommand
  | PythonCommand
  | SessionCallsCommand
  /** Opens sessions with one variable each, and makes a call in each. */
  | { readonly do: "fill"; readonly sessions: number }
  /** Ends the host, and starts it again on the same store. */
  | { readonly do: "restart" }
  /** Sweeps so many sessions that have expired. */
  | { readonly do: "sweep"; readonly sessions: number };

/**
 * A command to use variables; each caller has a session. `read`: from memory; `compareAndSet`: a
 * read, and a write on condition of the version that was read.
 */
export interface VariablesCommand {
  readonly do: "read" | "write" | "compareAndSet";
  readonly callers: number;
  /** The number of names that each caller writes, one after the other. Default 1. */
  readonly names?: number;
  readonly durationMs: number;
}

/** A command to call a tool that uses so many variables, again and again. */
export interface PythonCommand {
  readonly do: "python";
  readonly tool: string;
  readonly variables: number;
  readonly durationMs: number;
}

/** A command to make calls: with no session, with that of their caller, or with all in turn. */
export interface SessionCallsCommand {
  readonly do: "calls";
  readonly callers: number;
  readonly sessions: "none" | "own" | "all";
  readonly durationMs: number;
}

/** A command to the host of the workloads `tools` and `inputs`: what to measure. */
export type FlowsCommand =
  /** Runs a tool that measures, and returns the figures that it returns. */
  | {
    readonly do: "tool";
    readonly tool: string;
    readonly args: Readonly<Record<string, number>>;
  }
  /** Sends so many numbers to a tool: from an async generator, or from a bare iterator. */
  | { readonly do: "numbers"; readonly kind: "generator" | "iterator"; readonly items: number };

/** A command to the host of the workload `bulk`: so many items, in calls of so many each. */
export interface BulkCommand {
  readonly items: number;
  readonly itemsPerCall: number;
}

/** A command to the host of the workload `map`: so many items in one map of the library. */
export interface MapCommand {
  readonly items: number;
}

/**
 * A command to the host of the workload `choice`: so many calls at once, or so many callers for a
 * time.
 */
export interface ChoiceCommand {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly calls: number;
  readonly durationMs?: number;
}

/** A command to the host of the workload `batchjob`: a batch of so many items, from a source. */
export interface BatchJobCommand {
  readonly items: number;
  readonly from: "inline" | "iterable" | "file";
}

/** A command to the client of HTTP: what to measure. */
export type ClientCommand =
  | BodyCommand
  | FramesCommand
  /** Reads a stream of so many events. With `cutEvery`, cuts it after so many, and resumes it. */
  | { readonly do: "events"; readonly events: number; readonly cutEvery?: number };

/** A command to send a body as an input stream: so many lines, or so many bytes. */
export interface BodyCommand {
  readonly do: "body";
  readonly kind: "lines" | "bytes";
  readonly amount: number;
}

/**
 * A command to send frames of audio from several sockets, one each 20 ms: as the input stream of a
 * call, or each in a call of its own.
 */
export interface FramesCommand {
  readonly do: "frames";
  readonly as: "input" | "calls";
  readonly clients: number;
  readonly durationMs: number;
}

/** A command to a host with jobs: what to measure. */
export type JobsCommand =
  /** Submits single jobs that do not run yet; then runs them. */
  | { readonly do: "submit"; readonly callers: number; readonly durationMs: number }
  /** Submits so many jobs at once that do not run yet; then runs them. */
  | { readonly do: "run"; readonly jobs: number }
  /** Submits one job after the other. */
  | { readonly do: "start"; readonly durationMs: number }
  /** Submits and runs so many jobs, and watches the memory. */
  | { readonly do: "many"; readonly jobs: number }
  /** Lists jobs, all of which are completed; there are so many. */
  | { readonly do: "list"; readonly jobs: number; readonly durationMs: number }
  /** Runs a job that prints so many lines, while so many readers follow its log. */
  | { readonly do: "log"; readonly lines: number; readonly readers: number }
  | { readonly do: "idle"; readonly durationMs: number };

/** A command to a process with a store of jobs. */
export type JobStoreCommand =
  /** Submits so many jobs. */
  | { readonly do: "fill"; readonly jobs: number }
  /** Claims and completes so many jobs that wait. */
  | { readonly do: "finish"; readonly jobs: number }
  /** Submits, claims and completes so many jobs at a time, again and again. */
  | { readonly do: "claims"; readonly slots: number; readonly durationMs: number };

/** A command to a host that runs scripts as jobs. */
export type ScriptsCommand =
  /** Runs a script of one line again and again, as a job or without Snakeden. */
  | {
    readonly do: "one";
    readonly language: "typescript" | "python";
    readonly as: "job" | "bare";
    readonly runs: number;
  }
  /** Runs scripts of one line, 8 at a time, and counts what they leave. */
  | { readonly do: "many"; readonly jobs: number }
  /** Runs a script that prints so many bytes. */
  | { readonly do: "log"; readonly bytes: number }
  /** Confirms the environment of a script that names a package. */
  | { readonly do: "environment"; readonly runs: number }
  /** Runs a script that leaves an artifact of so many bytes. */
  | { readonly do: "artifact"; readonly bytes: number };

/** A command to write and read so many bytes, as a blob or as a plain file. */
export interface FileCommand {
  readonly as: "blob" | "file";
  readonly bytes: number;
}

/** A command to the client of files: the file of the work, copies of it, and its way over HTTP. */
export type TransferCommand =
  | { readonly do: "make"; readonly bytes: number }
  | { readonly do: "copy" | "copySynced" | "upload" | "download" };

/** A command to submit a body of so many lines, which are all the same. */
export interface JobLinesCommand {
  readonly port: number;
  readonly path: string;
  /** A line. */
  readonly body: string;
  readonly jobs: number;
}

/** The first line of a process of the bench. */
export interface ReadyLine {
  /** The Python processes that it has started. */
  readonly pids: readonly number[];
  readonly figures: Figures;
}

/** An answer, or the reason why there is none. */
export type Answer<T> = { readonly ok: T } | { readonly error: string };

/**
 * Runs the child's side: writes that it is ready, then answers each line on stdin with one on
 * stdout, until stdin ends.
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
