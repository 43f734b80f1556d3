/**
 * The checks that every request passes before its route ({@link access}). request_id.ts gives it an
 * id. key_guard.ts refuses requests without a valid key (api_keys.ts), and slows down whoever sends
 * wrong ones (wrong_keys.ts). job_access.ts lets programs that run as jobs use the routes of
 * job_routes.ts with their tokens. origin.ts and cors.ts refuse pages of other sites. access_log.ts
 * logs the response, and security_headers.ts adds the headers that every response has.
 *
 * @module
 */
export { access, type AccessOptions } from "./access.ts";
export { logStreamFailure } from "./access_log.ts";
export { Cors } from "./cors.ts";
export { JobAccess, type JobAccessDeps } from "./job_access.ts";
export { JOB_ROUTES, type JobRoute } from "./job_routes.ts";
export { KeyGuard, type KeyGuardOptions } from "./key_guard.ts";
export { checkSocketOrigin } from "./origin.ts";
export { addressOf, isLocal, type Sender } from "./remote_address.ts";
