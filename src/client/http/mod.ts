/**
 * Requests to hosts: {@link Transport} sends one to the first host that answers, {@link Reply} is
 * its answer, and {@link problemError} turns a problem document into the error of the library.
 *
 * @module
 */
export { type AnswerFields, wrongField } from "./answer_fields.ts";
export { Bound } from "./bound.ts";
export { connectionLost, reasonOf, unexpectedAnswer } from "./failure.ts";
export { Host } from "./hosts.ts";
export { isProblem, problemError, type ReceivedProblem } from "./problem_error.ts";
export { Reply } from "./reply.ts";
export {
  type Ask,
  type BodyFeed,
  type OpenedBody,
  type RetryOptions,
  Transport,
} from "./transport.ts";
