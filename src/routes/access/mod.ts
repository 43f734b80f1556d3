/**
 * Access to the server, which every request passes before its route ({@link access}): request_id.ts
 * names it, api_key.ts and origin.ts refuse those who may not call, access_log.ts logs the answer.
 *
 * @module
 */
export { access, type AccessOptions } from "./access.ts";
export { logStreamFailure } from "./access_log.ts";
