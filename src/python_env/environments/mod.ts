/**
 * The environments in `<dataDir>/python`.
 *
 * - environment_key.ts: what an environment has to hold; a change makes another environment.
 * - environment_kind.ts: whom an environment is for, which its name tells.
 * - environment_store.ts: finds an environment, and adopts one that was built.
 * - stamp.ts: what an environment is made of, in a file that marks it as whole.
 * - use.ts: which processes use an environment, and when it was used last.
 * - build_lock.ts: keeps two processes from building the same environment.
 * - environment_list.ts: shows what exists.
 * - sweep.ts, removal.ts: remove environments that are not worth keeping.
 *
 * @module
 */
export { lockBuild } from "./build_lock.ts";
export type { EnvironmentKind } from "./environment_kind.ts";
export { type ListedEnvironment, listEnvironments } from "./environment_list.ts";
export {
  environmentKey,
  environmentName,
  type EnvironmentRequest,
  lockedFiles,
} from "./environment_key.ts";
export { adoptEnvironment, findEnvironment, type HeldEnvironment } from "./environment_store.ts";
export { type BuildRecord, pythonIn } from "./stamp.ts";
export { KEPT_DAYS, KEPT_SETS, sweepEnvironments } from "./sweep.ts";
