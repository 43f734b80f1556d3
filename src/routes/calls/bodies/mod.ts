/**
 * Bodies whose values stay encoded while the rest is checked: those with variables
 * ({@link decodeValues}), and submissions of jobs, as one body ({@link decodeSubmission},
 * {@link decodeBatch}) or as lines that are read while they arrive ({@link SubmissionLines}).
 *
 * @module
 */
export {
  decodeBatch,
  decodeSubmission,
  joined,
  MAX_BATCH,
  type SplitSubmission,
} from "./submission_body.ts";
export { type LinesOptions, type LinesPart, SubmissionLines } from "./submission_lines.ts";
export { decodeValues, type ValuesBody } from "./values_body.ts";
