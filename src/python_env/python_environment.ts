import type { BuildRecord } from "./environments/mod.ts";

/**
 * A Python that runs workers. Held in use, and so never removed by another process, until it is
 * disposed.
 */
export interface PythonEnvironment extends Disposable {
  /** Absolute path of the interpreter. */
  readonly executable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** Whether this call built the environment. */
  readonly built: boolean;
  /** Undefined for an interpreter of the user's own. */
  readonly environment: EnvironmentInfo | undefined;
  /** Lets go of the environment; the same as disposing. */
  release(): void;
}

/** A private environment in the data directory. */
export interface EnvironmentInfo {
  readonly path: string;
  /** Undefined for an environment that an earlier version has built. */
  readonly build: BuildRecord | undefined;
}

/** Options of the wait for a Python. */
export interface OpenOptions {
  /** Called with a line for people about each step; never when nothing is to be done. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
