import type { Value } from "../bridge/mod.ts";
import { type Call, CallInputs, type CallRequest, type Pool } from "../pool/mod.ts";
import type { CallOptions } from "./call_options.ts";
import type { CallFiles } from "./files/mod.ts";
import { timeoutOf } from "./nested_calls.ts";
import type { StrictSessions } from "./strict_sessions.ts";

/** A call whose pool is known, and whose options were checked. */
export interface PlacedCall {
  readonly tool: string;
  readonly args: Value;
  readonly options: CallOptions;
  readonly pool: Pool;
}

/** A call that was prepared, with what is left of its deadline. */
export interface ReadyCall {
  readonly args: Value;
  readonly options: CallOptions;
}

/** Makes a call, and releases its files when that is over. */
export async function holding<T>({ args }: ReadyCall, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } finally {
    args.files?.release();
  }
}

/** Submits a call whose input streams are closed if the pool refuses it. */
export function submitHeld(pool: Pool, request: CallRequest, inputs: CallInputs): Call {
  inputs.hold();
  try {
    return pool.submit(request);
  } finally {
    inputs.release();
  }
}

/** Dependencies of {@link Preparation}. */
export interface PreparationDeps {
  readonly strict: StrictSessions | undefined;
  readonly files: CallFiles | undefined;
}

/** The preparation that few calls need before they can be sent to their pool. */
export class Preparation {
  readonly #strict: StrictSessions | undefined;
  readonly #files: CallFiles | undefined;

  constructor({ strict, files }: PreparationDeps) {
    this.#strict = strict;
    this.#files = files;
  }

  /**
   * Prepares a call of a session that must wait for the store, and one that is given files.
   *
   * @returns Undefined for a call that can be sent as it is. The caller of any other call releases
   * the files of its arguments when the call has ended.
   */
  prepare(
    tool: string,
    args: Value,
    options: CallOptions,
    pool: Pool,
  ): Promise<ReadyCall> | undefined {
    const files = this.#files?.concerns(args) ? this.#files : undefined;
    if (options.sessionId === undefined && files === undefined) return undefined;
    const leftMs = this.sessionReady(tool, options, pool);
    if (files === undefined && leftMs === undefined) return undefined;
    const ready = this.#ready({ tool, args, options, pool }, leftMs, files);
    const inputs = CallInputs.of(args);
    if (inputs !== undefined) ready.catch(() => inputs.close());
    return ready;
  }

  /** See `Calls.openFiles`. */
  openFiles(args: Value): Promise<Value> | undefined {
    return this.#files?.concerns(args) ? this.#files.open(args) : undefined;
  }

  async #ready(
    { tool, args, options, pool }: PlacedCall,
    waiting: Promise<number> | undefined,
    files: CallFiles | undefined,
  ): Promise<ReadyCall> {
    const leftMs = await waiting ?? timeoutOf(pool, tool, options);
    if (files === undefined) return { args, options: { ...options, timeoutMs: leftMs } };
    const begunAt = performance.now();
    const opened = await files.open(args);
    try {
      options.signal?.throwIfAborted();
    } catch (reason) {
      opened.files?.release();
      throw reason;
    }
    // At least a millisecond, since no time at all is refused as an option of a call.
    const timeoutMs = Math.max(1, leftMs - (performance.now() - begunAt));
    return { args: opened, options: { ...options, timeoutMs } };
  }

  /**
   * Returns what is left of the deadline once the store knows the session of a strict call, and of
   * a call of a tool that was registered for the session; undefined if the call need not wait.
   */
  sessionReady(tool: string, options: CallOptions, pool: Pool): Promise<number> | undefined {
    const { sessionId, affinity, signal } = options;
    if (sessionId === undefined || !this.#strict) return undefined;
    const registered = pool.registered.find(tool, sessionId);
    const isOfSession = registered?.sessionId !== undefined;
    // A call of a registered tool does not use the binding of its session.
    const isStrict = registered === undefined && (affinity ?? pool.sessions.mode) !== "hint";
    if (!isOfSession && (!isStrict || this.#strict.isReady(sessionId, pool))) return undefined;
    const timeoutMs = timeoutOf(pool, tool, options);
    const call = { sessionId, pool: pool.name, tool, timeoutMs, signal };
    return isOfSession ? this.#strict.refresh(call) : this.#strict.prepare(call);
  }
}
