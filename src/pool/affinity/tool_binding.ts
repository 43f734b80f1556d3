import { SnakedenError } from "../../errors.ts";
import { Binding } from "./binding.ts";
import type { Home, HomeEnd } from "./home.ts";

/** Stands for the end of a worker whose exit is not known yet. */
const UNKNOWN_END: HomeEnd = { text: "died", reason: "killed", isCrash: true };

/**
 * The tie of calls to the one worker that has their tool, since it has registered it. It belongs to
 * no session and is in no table. Its calls are `lost` as soon as the worker takes no more calls.
 */
export class ToolBinding extends Binding {
  /** The worker that has the tools. */
  readonly owner: Home;

  constructor(owner: Home, now: number) {
    super("", true, now);
    this.owner = owner;
    this.home = owner;
    this.hasRun = true;
  }

  override get workerText(): string {
    return "the worker that has registered it";
  }

  /**
   * Returns the error of a call that waits for the worker. The code is that of a crash only if the
   * worker has crashed: the tools of one that was replaced have ended as planned.
   */
  override unavailable(tool: string): SnakedenError {
    const { workerId, incarnation, end } = this.owner;
    const { text, reason, isCrash = false } = end ?? UNKNOWN_END;
    return new SnakedenError(
      isCrash ? "worker_crashed" : "unknown_tool",
      `Cannot call ${tool}: ${workerId}, which had registered it, ${text}`,
      {
        details: {
          tool,
          workerId,
          incarnation,
          workerEnd: text,
          workerEndReason: reason,
          mayHaveRun: false,
        },
      },
    );
  }

  override busy(tool: string): SnakedenError {
    const { workerId } = this.owner;
    const text = `Cannot call ${tool}: ${workerId}, which has registered it, is busy`;
    return new SnakedenError("worker_busy", text, { retryable: true, details: { workerId } });
  }
}
