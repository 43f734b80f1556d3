/**
 * HTTP itself, independent of any route: connections ({@link HttpListener}), clients that leave
 * ({@link Callers}), framing, bodies and their limits, content negotiation, problem documents
 * ({@link problemResponse}), long answers and parts of them ({@link rangedAnswer}), and paths
 * without a route ({@link unmatched}).
 *
 * @module
 */
export {
  AcceptRanges,
  chooseStreamType,
  notStreamable,
  prefersEvents,
  prefersLater,
  type StreamType,
  takesEvents,
} from "./accept.ts";
export type { AppContext, AppEnv, Called } from "./app_env.ts";
export { type BodyLimits, BodyReader, byteStream } from "./body_reader.ts";
export { BodyRoom } from "./body_room.ts";
export { type Caller, Callers } from "./callers.ts";
export { ProcConnections } from "./connections.ts";
export { checkFraming } from "./framing.ts";
export { announceLength } from "./head_length.ts";
export { type HttpHandler, HttpListener, type HttpListenerOptions } from "./http_listener.ts";
export {
  codeOf,
  type Problem,
  problemOf,
  problemResponse,
  PROBLEMS,
  problemText,
  type Shown,
  SHOWN_ALL,
  shownDetails,
} from "./problem.ts";
export { boundaryOf, type FormPart, parseMultipart } from "./multipart.ts";
export {
  type BodyForm,
  bodyForm,
  checkContentType,
  decodeText,
  isBytesBody,
  isNdjson,
  mayHaveBody,
  parseJson,
  parseJsonBody,
} from "./request_body.ts";
export type { TimeLimit, Wait } from "./time_limit.ts";
export { unmatched } from "./unmatched.ts";
export {
  type AnswerLimits,
  type AnswerOptions,
  lengthOf,
  rangedAnswer,
  type RangedAnswerOptions,
  type RangedSource,
  type Reader,
  slicesOf,
  streamedBody,
  UnreadAnswers,
} from "./answers/mod.ts";
export { type ArgumentLimits, OpenArguments } from "./open_arguments.ts";
