import type { BuildRecord } from "./environments/mod.ts";

/**
 * A Python that runs workers. It stays in use until it is disposed, so no other process removes
 * it.
 */
export interface PythonEnvironment extends Disposable {
  /** Absolute path of the interpreter. */
  readonly executable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** True if this call built the environment. */
  readonly built: boolean;
  /** Undefined for the user's own interpreter. */
  readonly environment: EnvironmentInfo | undefined;
  /** Ends the use of the environment; the same as disposing. */
  release(): void;
}

/** A private environment in the data directory. */
export interface EnvironmentInfo {
  readonly path: string;
  /** Undefined for an environment that an earlier version has built. */
  readonly build: BuildRecord | undefined;
}

/** Options for opening a Python. */
export interface OpenOptions {
  /** Called with a readable line about each step, or never if nothing has to be done. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
