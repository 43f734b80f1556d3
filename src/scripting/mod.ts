/**
 * The platform, as a program sees it that runs as a job, or by hand: {@link connect} returns a
 * client of the host, and reports.ts and artifacts.ts hand over what the program makes. whole.ts is
 * the module `snakeden` of script jobs: the same names as the library has, without loading it.
 *
 * @module
 */
export { type Artifacts, artifacts } from "./artifacts.ts";
export { connect } from "./connect.ts";
export { progress, result } from "./reports.ts";
