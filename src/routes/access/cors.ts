import { SnakedenError } from "../../errors.ts";

/**
 * The headers of requests that the routes read. `*` stands for any other, such as those that
 * tracing adds, but does not include `authorization`.
 */
const REQUEST_HEADERS = [
  "accept",
  "authorization",
  "content-type",
  "last-event-id",
  "x-api-key",
  "x-request-id",
  "*",
].join(", ");

/** Time for which a browser may keep the answer to a preflight, in seconds. */
const MAX_AGE_S = 600;

/**
 * Cross-origin resource sharing, by which pages of other origins may send requests and read the
 * responses. Credentials of the browser, such as cookies, are never allowed, because the page sends
 * the API key in a header. Without credentials, `*` means all response headers.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #isAny: boolean;

  /** @param origins Serialized origins, or `*` for any. None turns CORS off. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
    this.#isAny = this.#origins.has("*");
  }

  /** True if pages of any other origin are allowed. */
  get isOn(): boolean {
    return this.#origins.size > 0;
  }

  /** Returns true when pages of an origin are allowed. */
  allows(origin: string): boolean {
    return this.#isAny || this.#origins.has(origin);
  }

  /**
   * Refuses a preflight of a page that is not allowed.
   *
   * @throws {SnakedenError} `forbidden`.
   */
  checkPreflight(origin: string): void {
    if (this.allows(origin)) return;
    const shown = JSON.stringify(origin);
    throw new SnakedenError(
      "forbidden",
      `Refused a cross-origin request from ${shown}: ` +
        (this.isOn
          ? "`cors.origins` in the configuration does not list this origin"
          : "CORS is off; to allow pages of this origin, list it in `cors.origins` in the " +
            "configuration"),
      { details: { origin } },
    );
  }

  /**
   * Returns the response to a preflight, based on the path's response to OPTIONS. The preflight of
   * an unknown path succeeds too: the page could not read why it failed, but it can read the 404 of
   * the request that follows.
   */
  answerPreflight(options: Response, requested: string): Response {
    const allow = options.headers.get("allow");
    return new Response(null, {
      status: 204,
      headers: {
        ...(allow === null ? {} : { allow }),
        "access-control-allow-methods": allow ?? requested,
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": String(MAX_AGE_S),
      },
    });
  }

  /** Adds the headers by which a browser lets the page of an allowed origin read the response. */
  share(headers: Headers, origin: string | null): void {
    if (!this.#isAny) headers.append("vary", "origin");
    if (origin === null || !this.allows(origin)) return;
    headers.set("access-control-allow-origin", this.#isAny ? "*" : origin);
    headers.set("access-control-expose-headers", "*");
  }
}

/** Returns the method that a preflight asks for; undefined for any other request. */
export function preflightedMethod({ method, headers }: Request): string | undefined {
  if (method !== "OPTIONS" || !headers.has("origin")) return undefined;
  return headers.get("access-control-request-method") ?? undefined;
}
