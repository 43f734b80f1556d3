import { SnakedenError, type SnakedenErrorOptions } from "../../errors.ts";
import { type Crash, isSignalled } from "../crashes/mod.ts";

/** The error of a worker that could not be started. */
export class WorkerStartError extends SnakedenError {
  override readonly name = "WorkerStartError";
  /** The exit of the worker, when the start failed because its process ended. */
  readonly crash: Crash | undefined;

  constructor(
    code: "worker_start_failed" | "protocol_mismatch",
    message: string,
    { crash, ...options }: SnakedenErrorOptions & { readonly crash: Crash | undefined },
  ) {
    const details = { ...options.details, ...(crash === undefined ? {} : { crash }) };
    super(code, message, { ...options, details });
    this.crash = crash;
  }

  /** Returns true if a signal from the kernel or another process ended the worker. */
  static isSignalled(error: unknown): boolean {
    return error instanceof WorkerStartError && error.crash !== undefined &&
      isSignalled(error.crash.kind);
  }
}
