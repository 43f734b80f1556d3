import type { Value } from "../bridge/mod.ts";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";

/**
 * Returns a function that passes reports of progress on, decoded. An error of the listener is
 * logged and does not affect the call.
 */
export function reporterTo(
  listener: (report: unknown) => void,
  tool: string,
): (report: Value) => void {
  return (report) => {
    try {
      listener(report.decode());
    } catch (error) {
      getLogger("calls").warn("the listener to the progress of {tool} failed: {reason}", {
        tool,
        reason: messageOf(error),
      });
    }
  };
}
