import type { Figures } from "../measure.ts";

/** Options of a {@link JobSystem}, and of the process that has it. */
export interface JobSystemOptions {
  readonly system: "snakeden" | "bullmq" | "graphile-worker";
  /** Snakeden: the Python with the packages of a worker. */
  readonly python: string;
  readonly workers: number;
  /** Snakeden: the data directory, which no other process uses. */
  readonly dataDir: string;
  /** The folder with the npm packages of the peers; empty if none is needed. */
  readonly npmFolder: string;
  /** The folder with the socket of the peer's server; empty if there is none. */
  readonly socketFolder: string;
  /** The process of that server. */
  readonly serverPid?: number;
}

/** A system that keeps jobs and runs them. Its jobs do nothing, unless stated otherwise. */
export interface JobSystem extends AsyncDisposable {
  /** The ids of its Python processes. */
  readonly pids: readonly number[];
  /** Submits a job; resolves when it is kept. */
  submit(): Promise<void>;
  /** Submits so many jobs, by the quickest way that the system has. */
  submitMany(jobs: number): Promise<void>;
  /** Runs nothing until {@link JobSystem.resume}. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when no job waits or runs, and all ends are kept. */
  idle(): Promise<void>;
  /** Submits a job and waits for its end; returns the time of its start, in ms since 1970. */
  startOf(): Promise<number>;
  /** Measures lists of its jobs, all of which are completed; there are so many. */
  readLists?(ask: { readonly jobs: number; readonly durationMs: number }): Promise<Figures>;
  /** Measures the log of a job that prints, and its readers. */
  followLog?(ask: { readonly lines: number; readonly readers: number }): Promise<Figures>;
}
