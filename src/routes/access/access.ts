import type { MiddlewareHandler } from "hono";
import {
  announceLength,
  type AppEnv,
  checkFraming,
  problemOf,
  problemResponse,
  type Shown,
} from "../http/mod.ts";
import { isLogged, logAccess } from "./access_log.ts";
import { apiKeyCheck } from "./api_key.ts";
import { checkOrigin } from "./origin.ts";
import { requestIdOf } from "./request_id.ts";

/** Who may send requests, and how refusals are reported. */
export interface AccessOptions {
  /** When set, every request but those to open paths must have it. */
  readonly apiKey?: string | undefined;
  /** Paths that need no key. */
  readonly openPaths: readonly string[];
  /** The parts of Python errors that problems show; the log has the rest. */
  readonly shown: Shown;
}

/**
 * The middleware that every request passes first: it gives the request its id, refuses it for a
 * wrong key or a foreign origin, and logs the answer. One middleware rather than one for each step,
 * as every further one costs a promise a request.
 */
export function access(
  { apiKey, openPaths, shown }: AccessOptions,
): MiddlewareHandler<AppEnv> {
  const checkKey = apiKey === undefined ? undefined : apiKeyCheck(apiKey);
  const open = new Set(openPaths);
  return async (c, next) => {
    const { headers, method } = c.req.raw;
    const started = performance.now();
    const requestId = requestIdOf(headers);
    c.set("requestId", requestId);
    let error: unknown;
    try {
      if (checkKey === undefined) checkOrigin(c.req.raw);
      else if (!open.has(c.req.path)) checkKey(headers);
      checkFraming(headers);
    } catch (refusal) {
      error = refusal;
    }
    if (error === undefined) {
      await next();
      error = c.error;
    } else c.res = problemResponse(problemOf(error, requestId, shown));
    c.res.headers.set("x-request-id", requestId);
    if (method === "HEAD") await announceLength(c.res);
    const { status } = c.res;
    if (!isLogged(status)) return;
    logAccess({
      method,
      path: c.req.path,
      status,
      durationMs: performance.now() - started,
      requestId,
      called: c.get("called"),
      error,
      shown,
    });
  };
}
