/**
 * The HTTP interface. {@link HttpListener} accepts connections and passes requests to a Hono app
 * over an {@link Engine}, with one file for each resource. Every request passes access/ first (id,
 * origin, key, headers, access log). The type of every response matches the schema that documents
 * it (schema/). Every error becomes RFC 9457 `application/problem+json` by the table in
 * http/problem.ts. http/unmatched.ts responds to paths without a route. pages/ holds the scripts
 * and styles of the pages for browsers.
 *
 * @module
 */
export { KeyGuard, type KeyGuardOptions } from "./access/mod.ts";
export { type AppOptions, createApp } from "./app.ts";
export {
  type AppEnv,
  type HttpHandler,
  HttpListener,
  type HttpListenerOptions,
  type Problem,
  problemOf,
  problemResponse,
  PROBLEMS,
  ProcConnections,
} from "./http/mod.ts";
export type { Engine } from "./engine.ts";
export { nextSteps, type ServerFacts } from "./next_steps.ts";
export { createStartingApp } from "./starting_app.ts";
export { OpenSockets } from "./socket/mod.ts";
export { type EventSource, Traffic, type TrafficLimits } from "./calls/mod.ts";
