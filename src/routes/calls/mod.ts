/**
 * The routes that run tools: `POST /v1/execute`, `POST /v1/stream` and `POST /v1/map`, the fields
 * of their bodies, and the threads that parse and write large JSON ({@link Traffic}).
 * {@link answerCall} answers the calls of all routes.
 *
 * @module
 */
export {
  CALL_REQUEST,
  callRequestSchema,
  findIssues,
  RUN_REQUEST,
  runRequestSchema,
} from "./call_body.ts";
export {
  addExecute,
  answerCall,
  type AnswerLater,
  CALL_ANSWER,
  type ExecuteSlice,
  type FindTools,
} from "./execute.ts";
export { namesBytes } from "./answer_form.ts";
export { ARRAY_HEADERS, bytesResponse, RAW_POLICY } from "./raw_answer.ts";
export { addKeptStreams } from "./kept.ts";
export { addMap, type MapSlice } from "./map/mod.ts";
export { addStream } from "./stream.ts";
export {
  type EventSource,
  StreamAnswers,
  type StreamAnswersOptions,
  type StreamSlice,
} from "./stream_answer.ts";
export { inMicroseconds } from "./microseconds.ts";
export { BINARY, RUN_PARAMETERS } from "./upload/mod.ts";
export { Traffic, type TrafficLimits } from "./traffic.ts";
export { type LinesPart, MAX_BATCH, SubmissionLines, type ValuesBody } from "./bodies/mod.ts";
export { EVENT_HEADERS, onOneLine, PulledEvents } from "./events/mod.ts";
export type { FindTool } from "./upload/mod.ts";
