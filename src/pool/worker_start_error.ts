import { SnakedenError, type SnakedenErrorOptions } from "../errors.ts";
import { type Crash, isSignalled } from "./crash_kind.ts";

/** A worker could not be started. */
export class WorkerStartError extends SnakedenError {
  override readonly name = "WorkerStartError";
  /** How it ended, when it was the end of its process that stood in the way. */
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

  /** True when somebody, or the kernel, has ended it by a signal. */
  static isSignalled(error: unknown): boolean {
    return error instanceof WorkerStartError && error.crash !== undefined &&
      isSignalled(error.crash.kind);
  }
}
