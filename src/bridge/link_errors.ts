import { messageOf, SnakedenError, stackOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { Error as WireError, HostErrorInit } from "./gen/link.js";

/** The error of a call for which the worker reported a failure without an error. */
export const UNKNOWN_ERROR: WireError = {
  code: "internal",
  message: "The worker reported a failure without an error",
  python: null,
  issues: [],
};

/** The error of a call that could not be sent because it lost a buffer. */
export const LOST_BUFFER: WireError = {
  code: "invalid_value",
  message: "Cannot send args: a buffer was transferred or made smaller before it was sent; " +
    "do not touch its buffers until the call has been answered",
  python: null,
  issues: [],
};

/** The error of an answer that could not be sent because it lost a buffer. */
export const LOST_ANSWER: HostErrorInit = {
  code: "invalid_value",
  message: "Cannot send the answer: a buffer was transferred or made smaller before it was sent",
};

/**
 * Returns the error of an answer for anything that a handler threw. Only the text of an expected
 * error is sent; any other one is a defect, and goes to the log.
 */
export function hostErrorOf(error: unknown, method: string): HostErrorInit {
  if (!(error instanceof SnakedenError)) {
    getLogger("bridge").error("the host failed to answer {method}: {problem}", {
      method,
      problem: stackOf(error),
    });
    return { code: "internal", message: `The host failed to answer ${method}; see its log` };
  }
  const { code, retryable } = error;
  const message = messageOf(error).toWellFormed();
  return { code, message, retryable, details: textOf(error.details) };
}

/** Returns facts as JSON; an empty text if there are none, or if JSON has no form for them. */
function textOf(details: SnakedenError["details"]): string {
  try {
    const text = JSON.stringify(details);
    return text === "{}" ? "" : text.toWellFormed();
  } catch {
    return "";
  }
}

/** Returns the error for a worker that broke the protocol. */
export function brokeProtocol(how: string): SnakedenError {
  return new SnakedenError("protocol_mismatch", `it broke the protocol of the link: ${how}`);
}

/** Returns the error for a link whose stream has ended. */
export function linkLost(reason: string): SnakedenError {
  return new SnakedenError("worker_crashed", `The link to the worker is lost: ${reason}`, {
    retryable: true,
  });
}
