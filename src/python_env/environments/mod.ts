/**
 * The environments in `<dataDir>/python`: the key that tells when one is out of date, and the store
 * that knows which exist, who uses them and which may be removed.
 *
 * @module
 */
export {
  environmentKey,
  environmentName,
  type EnvironmentRequest,
  lockedFiles,
} from "./environment_key.ts";
export {
  adoptEnvironment,
  buildLockPath,
  findEnvironment,
  type HeldEnvironment,
  pythonIn,
  removeTree,
  sweep,
  unfinishedPath,
} from "./environment_store.ts";
