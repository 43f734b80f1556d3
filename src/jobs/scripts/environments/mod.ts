/**
 * The environments of script jobs: what a program needs before it can run, prepared once and shared
 * by content.
 *
 * - script_environments.ts: the door, for both languages.
 * - python_environments.ts: the interpreter of a Python script, with its packages.
 * - inline_metadata.ts, metadata_block.ts: what a Python script says about itself (PEP 723).
 * - deno_environments.ts: what a TypeScript script imports, in the cache of Deno.
 * - script_config.ts: the configuration in which `snakeden` can be imported anywhere.
 *
 * @module
 */
export {
  DenoEnvironments,
  type DenoEnvironmentsOptions,
  type PreparedDeno,
} from "./deno_environments.ts";
export { type InlineMetadata, readInlineMetadata } from "./inline_metadata.ts";
export {
  type PreparedPython,
  type PrepareOptions,
  PythonEnvironments,
  type PythonEnvironmentsDeps,
  type ScriptFolderPackages,
} from "./python_environments.ts";
export { ScriptEnvironments, type ScriptEnvironmentsOptions } from "./script_environments.ts";
