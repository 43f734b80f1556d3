/**
 * The tokens by which programs that run as jobs use the platform. job_tokens.ts issues and checks
 * them; job_parent.ts is what a job keeps of the job that has submitted it.
 *
 * @module
 */
export { depthOf, type JobParent, parentOf } from "./job_parent.ts";
export { isTokenText, JobTokens, type TokenGrant, type TokenHolder } from "./job_tokens.ts";
