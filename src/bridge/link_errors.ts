import { SnakedenError } from "../errors.ts";
import type { Error as WireError } from "./gen/link.js";

/** Stands for an error that a worker did not name. */
export const UNKNOWN_ERROR: WireError = {
  code: "internal",
  message: "The worker reported a failure without saying which",
  python: null,
  issues: [],
};

/** Stands for the error of a call that could not be sent. */
export const LOST_BUFFER: WireError = {
  code: "invalid_value",
  message: "Cannot send args: a buffer was transferred or made smaller before it was sent; " +
    "leave buffers alone until the call has answered",
  python: null,
  issues: [],
};

/** The worker said what no worker says. */
export function brokeProtocol(how: string): SnakedenError {
  return new SnakedenError("protocol_mismatch", `it broke the protocol of the link: ${how}`);
}

/** The stream ended. */
export function linkLost(reason: string): SnakedenError {
  return new SnakedenError("worker_crashed", `The link to the worker is lost: ${reason}`, {
    retryable: true,
  });
}
