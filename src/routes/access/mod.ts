/**
 * What every request passes before its route: request id, origin, API key and access log
 * ({@link gate}).
 *
 * @module
 */
export { logStreamFailure } from "./access_log.ts";
export { gate } from "./gate.ts";
