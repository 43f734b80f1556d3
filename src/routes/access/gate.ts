import type { MiddlewareHandler } from "hono";
import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { type AppEnv, checkFraming, problemOf, problemResponse, type Shown } from "../http/mod.ts";
import { isLogged, logAccess } from "./access_log.ts";

/** Where a request may come from. */
export interface GateOptions {
  /** When set, every request but the open ones has to bring it. */
  readonly apiKey?: string | undefined;
  /** Paths that need no key. */
  readonly openPaths: readonly string[];
  /** The parts of Python errors that problems show; the log has the rest. */
  readonly shown: Shown;
}

const REQUEST_ID = /^[\w.:@+/=-]{1,128}$/;
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * What every request passes first: it gets its id, is checked for where it comes from, and is logged when it is answered.
 *
 * With an API key the key decides. Without one the server listens on loopback only (the configuration sees to that), and what
 * is left to fear is a web page in a browser of this machine: it is refused by the names in Host (DNS rebinding) and Origin.
 */
export function gate({ apiKey, openPaths, shown }: GateOptions): MiddlewareHandler<AppEnv> {
  const isKey = apiKey === undefined ? undefined : keyCheck(apiKey);
  const open = new Set(openPaths);
  return async (c, next) => {
    const { headers, method } = c.req.raw;
    const started = performance.now();
    const given = headers.get("x-request-id");
    const requestId = given !== null && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    c.set("requestId", requestId);
    let error: unknown;
    try {
      if (isKey === undefined) checkBrowser(c.req.raw);
      else if (!open.has(c.req.path)) checkKey(headers, isKey);
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

/**
 * Gives the answer to a HEAD the length that the one to a GET has. Its body is taken away by Hono,
 * and the runtime would announce what is left: nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.6
 */
async function announceLength(answer: Response): Promise<void> {
  const { byteLength } = await answer.bytes();
  answer.headers.set("content-length", String(byteLength));
}

type KeyCheck = (given: string) => boolean;

/** Compares digests, so that the time taken tells neither the key nor its length. */
function keyCheck(apiKey: string): KeyCheck {
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  const expected = digest(apiKey);
  return (given) => timingSafeEqual(digest(given), expected);
}

function checkKey(headers: Headers, isKey: KeyCheck): void {
  const given = givenKey(headers);
  if (given === undefined) {
    throw new SnakedenError(
      "unauthenticated",
      "Cannot take the request: it brings no API key; " +
        "send it as `authorization: Bearer KEY` or `x-api-key: KEY`",
    );
  }
  if (!isKey(given)) {
    throw new SnakedenError("unauthenticated", "Cannot take the request: the API key is wrong");
  }
}

function givenKey(headers: Headers): string | undefined {
  const [, bearer] = /^bearer +(.+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return bearer ?? headers.get("x-api-key") ?? undefined;
}

function checkBrowser(request: Request): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isLoopback(hostName(host))) {
    throw new SnakedenError(
      "forbidden",
      `Cannot take a request for the host ${JSON.stringify(host)}: without an apiKey only ` +
        "localhost and loopback addresses are served",
      { details: { host } },
    );
  }
  const origin = request.headers.get("origin");
  if (origin === null || SAFE_METHODS.has(request.method)) return;
  const { hostname } = URL.parse(origin) ?? { hostname: "" };
  if (!isLoopback(hostname)) {
    throw new SnakedenError(
      "forbidden",
      `Refused a cross-origin request from ${JSON.stringify(origin)}: without an apiKey, only ` +
        "pages served from this machine are allowed",
      { details: { origin } },
    );
  }
}

/** The name in `name:port`, where the name may be an IPv6 address in brackets. */
function hostName(host: string): string {
  return host.replace(/:\d*$/, "");
}
