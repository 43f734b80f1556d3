import { SnakedenError } from "../errors.ts";
import type { Error as WireError } from "./gen/link.js";

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
