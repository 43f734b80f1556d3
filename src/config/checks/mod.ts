/**
 * The checks that a schema cannot make: rules that two keys share, and the forms of adapters,
 * devices and commands. {@link crossIssues} runs all of them.
 *
 * @module
 */
export { crossIssues } from "./cross_checks.ts";
