/**
 * The HTTP interface. {@link HttpListener} accepts connections; behind it is a Hono app over an
 * {@link Engine}, one file a resource. Every request passes access/ first (id, origin, key, access
 * log); every answer of a route is held to the schema that documents it (schema/); every error
 * leaves through the one table of problem.ts as RFC 9457 `application/problem+json`; what no route
 * takes ends in unmatched.ts.
 *
 * @module
 */
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
} from "./http/mod.ts";
export type { Engine } from "./engine.ts";
export { createStartingApp } from "./starting_app.ts";
export { type EventSource, Traffic, type TrafficLimits } from "./calls/mod.ts";
