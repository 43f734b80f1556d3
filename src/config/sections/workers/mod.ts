/**
 * The keys of a pool that say what its workers are: launcher_schema.ts how they are started,
 * profile_schema.ts how they run their calls.
 *
 * @module
 */
export { launcherKeys } from "./launcher_schema.ts";
export { profileKeys } from "./profile_schema.ts";
