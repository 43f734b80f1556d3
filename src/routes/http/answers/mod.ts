/**
 * Bodies of responses that are long: those that wait for their readers, bounded in bytes and in
 * time ({@link UnreadAnswers}), those that are read from somewhere while they are sent
 * ({@link streamedBody}), and parts of things that are stored ({@link rangedAnswer}).
 *
 * @module
 */
export { rangedAnswer, type RangedAnswerOptions, type RangedSource } from "./ranges.ts";
export { type StreamedAnswers, streamedBody } from "./streamed_body.ts";
export {
  type AnswerLimits,
  type AnswerOptions,
  lengthOf,
  type Reader,
  slicesOf,
  UnreadAnswers,
} from "./unread_answers.ts";
