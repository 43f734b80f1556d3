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
import { Cors, preflightedMethod } from "./cors.ts";
import type { JobAccess } from "./job_access.ts";
import { type KeyGuard, WrongKeyError } from "./key_guard.ts";
import { checkOrigin } from "./origin.ts";
import { addressOf } from "./remote_address.ts";
import { requestIdOf } from "./request_id.ts";
import { secure } from "./security_headers.ts";

/** The rules for who may send requests, and the parts of errors that responses show. */
export interface AccessOptions {
  readonly guard: KeyGuard;
  /** The check of the tokens of jobs; absent while there can be none. */
  readonly jobs?: JobAccess;
  /** Paths that need no key. */
  readonly openPaths: readonly string[];
  /** Origins of other sites whose pages may send requests. */
  readonly corsOrigins: readonly string[];
  /** The parts of Python errors that problems show; the log has the rest. */
  readonly shown: Shown;
}

/**
 * The middleware that every request passes first: it gives the request its id, refuses it for a
 * wrong key or a foreign origin, adds the headers that every response has, and logs the response.
 * One middleware rather than one for each step, as every further one costs a promise a request.
 */
export function access(
  { guard, jobs, openPaths, corsOrigins, shown }: AccessOptions,
): MiddlewareHandler<AppEnv> {
  const cors = new Cors(corsOrigins);
  const open = new Set(openPaths);
  return async (c, next) => {
    const request = c.req.raw;
    const { headers, method } = request;
    const started = performance.now();
    const requestId = requestIdOf(headers);
    c.set("requestId", requestId);
    // Browsers send no key with a preflight.
    const preflighted = preflightedMethod(request);
    // Read before the route, since the runtime forgets a request that becomes a WebSocket.
    const origin = cors.isOn ? headers.get("origin") : null;
    let error: unknown;
    let isCounted = false;
    try {
      if (!guard.needsKey) checkOrigin(request, cors);
      if (preflighted !== undefined) cors.checkPreflight(headers.get("origin") ?? "");
      else if (!open.has(c.req.path)) {
        const holder = jobs?.holderOf(headers);
        if (jobs === undefined || holder === undefined) guard.check(headers, c.env);
        else {
          await jobs.admit(holder, request, { path: c.req.path });
          c.set("holder", holder);
        }
      }
      checkFraming(headers);
    } catch (refusal) {
      error = refusal;
      if (refusal instanceof WrongKeyError && refusal.delayMs > 0) {
        // The guard logs how many there were.
        isCounted = true;
        await guard.hold(refusal, request.signal);
      }
    }
    if (error !== undefined) c.res = problemResponse(problemOf(error, requestId, shown));
    else {
      await next();
      if (preflighted === undefined) error = c.error;
      else {
        const answer = cors.answerPreflight(c.res, preflighted);
        // Hono would add the headers of the response that is replaced.
        c.res = undefined;
        c.res = answer;
      }
    }
    c.res.headers.set("x-request-id", requestId);
    secure(c.res.headers);
    if (cors.isOn) cors.share(c.res.headers, origin);
    if (method === "HEAD") await announceLength(c.res);
    const { status } = c.res;
    if (isCounted || !isLogged(status)) return;
    logAccess({
      method,
      path: c.req.path,
      status,
      durationMs: performance.now() - started,
      remote: status === 101 ? undefined : addressOf(c.env),
      requestId,
      called: c.get("called"),
      error,
      shown,
    });
  };
}
