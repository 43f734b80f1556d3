/**
 * Messages between the threads of the driver: operations and their answers, in forms that are cheap
 * to send.
 *
 * @module
 */
export { byteParts, packBytes } from "./byte_parts.ts";
export {
  type Answer,
  type Answers,
  type Batch,
  type Cell,
  type ClaimOp,
  type EventPage,
  type FilesAsk,
  HOLD_ANSWERS,
  type ListAsk,
  type LogPage,
  type Opened,
  type Ops,
  type OtherAnswer,
  type PackedClaims,
  type PackedFiles,
  type PackedHolds,
  type PackedIds,
  type PackedJobs,
  type PackedLines,
  type PackedPage,
  type PackedRecord,
  type ReadOps,
  type RemovedFile,
  type Request,
  type SubmitAnswers,
  type SweptJobs,
  type WriteOps,
} from "./messages.ts";
export { bodiesOf, type OutputPage, type PackedOutputs, packOutputs } from "./packed_outputs.ts";
export { packError, unpackError } from "./pack_error.ts";
