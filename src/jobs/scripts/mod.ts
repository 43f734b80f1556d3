/**
 * Script jobs: programs in TypeScript and Python from folders of the configuration.
 *
 * - environments/: prepares what a script needs before it can run.
 *
 * @module
 */
export {
  type PreparedDeno,
  type PreparedPython,
  type PrepareOptions,
  ScriptEnvironments,
  type ScriptEnvironmentsOptions,
  type ScriptFolderPackages,
} from "./environments/mod.ts";
