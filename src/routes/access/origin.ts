import { isLoopback } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { Cors } from "./cors.ts";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses requests of web pages that neither this machine serves nor `cors` allows. Without an API
 * key the server listens on loopback only, which the configuration ensures. Pages of other sites,
 * in a browser on this machine, can still reach it: `Host` reveals DNS rebinding, and `Origin` a
 * request from another site.
 *
 * @throws {SnakedenError} `forbidden`.
 */
export function checkOrigin(request: Request, cors: Cors): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isLoopback(hostName(host))) {
    throw new SnakedenError(
      "forbidden",
      `Refused a request for the host ${JSON.stringify(host)}: without an apiKey, only localhost ` +
        "and loopback addresses are served",
      { details: { host } },
    );
  }
  const origin = request.headers.get("origin");
  if (origin === null || SAFE_METHODS.has(request.method) || cors.allows(origin)) return;
  const { hostname } = URL.parse(origin) ?? { hostname: "" };
  if (!isLoopback(hostname)) {
    throw new SnakedenError(
      "forbidden",
      `Refused a cross-origin request from ${JSON.stringify(origin)}: without an apiKey, only ` +
        "pages served from this machine, and of the origins in `cors.origins`, are allowed",
      { details: { origin } },
    );
  }
  // Browsers ask with a preflight before a page sends JSON or plain bytes to another origin, and
  // the preflight is refused. They send a form without asking.
  if (isForm(request) && URL.parse(origin)?.host !== host) {
    throw new SnakedenError(
      "forbidden",
      `Refused a form from ${JSON.stringify(origin)}: without an apiKey, only pages of ` +
        `${JSON.stringify(host)}, and of the origins in \`cors.origins\`, may send forms`,
      { details: { origin } },
    );
  }
}

/**
 * Refuses a WebSocket of a web page that is neither of this server nor allowed by `cors`. Browsers
 * open sockets to any origin without a preflight, so a page of another port of this machine counts
 * as foreign, as it does for forms. Programs send no origin.
 *
 * @throws {SnakedenError} `forbidden`.
 */
export function checkSocketOrigin({ headers, url }: Request, cors: Cors): void {
  const origin = headers.get("origin");
  if (origin === null || cors.allows(origin)) return;
  const host = headers.get("host") ?? new URL(url).host;
  if (URL.parse(origin)?.host === host) return;
  throw new SnakedenError(
    "forbidden",
    `Refused a WebSocket of a page from ${JSON.stringify(origin)}: only pages of ` +
      `${JSON.stringify(host)}, and of the origins in \`cors.origins\`, may open one`,
    { details: { origin } },
  );
}

function isForm({ headers }: Request): boolean {
  return /^\s*multipart\//i.test(headers.get("content-type") ?? "");
}

/** Returns the name in `name:port`, where the name may be an IPv6 address in brackets. */
function hostName(host: string): string {
  return host.replace(/:\d*$/, "");
}
