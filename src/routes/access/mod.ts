/**
 * The checks that every request passes before its route ({@link access}): request_id.ts gives it an
 * id, api_key.ts and origin.ts refuse callers without access, and access_log.ts logs the response.
 *
 * @module
 */
export { access, type AccessOptions } from "./access.ts";
export { logStreamFailure } from "./access_log.ts";
