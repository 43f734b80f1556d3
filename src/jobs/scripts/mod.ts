/**
 * The parts of jobs that are programs. tokens/ lets them use the platform while they run.
 *
 * @module
 */
export {
  depthOf,
  isTokenText,
  type JobParent,
  JobTokens,
  parentOf,
  type TokenGrant,
  type TokenHolder,
} from "./tokens/mod.ts";
