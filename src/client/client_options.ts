import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { RetryOptions } from "./http/mod.ts";

/** Options of a {@link SnakedenClient}. Either `baseUrl` or `baseUrls` must be given. */
export interface ClientOptions {
  /** The URL of a host, such as `http://127.0.0.1:8000`. A path in front of `/v1` may follow. */
  readonly baseUrl?: string | URL;
  /**
   * The URLs of several hosts that serve the same. The first one in this order that answers is
   * used; the others stand in while it does not.
   */
  readonly baseUrls?: readonly (string | URL)[];
  /** The API key, sent as `authorization: Bearer`. */
  readonly apiKey?: string;
  /** The function that sends requests. Default: `fetch`. */
  readonly fetch?: typeof fetch;
  /** Headers of every request, such as those that a proxy needs. */
  readonly headers?: HeadersInit;
  /**
   * The time limit of every request but calls and streams, which have the deadline of the call.
   * Default: 30,000 ms.
   */
  readonly timeoutMs?: number;
  /** The attempts at requests that reached no host, or that may run twice. */
  readonly retry?: RetryOptions;
}

/** Options with their defaults. */
export interface CheckedOptions {
  readonly urls: readonly string[];
  readonly fetch: typeof fetch;
  readonly headers: Headers;
  readonly timeoutMs: number;
  readonly retry: RetryOptions;
}

const NAMES = ["baseUrl", "baseUrls", "apiKey", "fetch", "headers", "timeoutMs", "retry"];
const RETRY_NAMES = ["maxAttempts", "minRestMs", "maxRestMs"] as const;
const DEFAULT_TIMEOUT_MS = 30_000;

/** @throws {InvalidInputError} `invalid_input` naming every field that is wrong. */
export function checkedOptions(options: ClientOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    refuse([{ path: "options", message: "missing; allowed: an object" }]);
  }
  const issues: FieldIssue[] = Object.keys(options).filter((it) => !NAMES.includes(it))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, NAMES)}` }));
  const urls = urlsOf(options, issues);
  const { apiKey, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const retry: RetryOptions = options.retry ?? {};
  positive("timeoutMs", timeoutMs, issues);
  for (const name of RETRY_NAMES) positive(`retry.${name}`, retry[name] ?? 1, issues);
  const headers = headersOf(options, issues);
  if (apiKey === "" || (apiKey !== undefined && typeof apiKey !== "string")) {
    const given = apiKey === "" ? "an empty text" : `a ${typeof apiKey}`;
    issues.push({ path: "apiKey", message: `given ${given}; allowed: a text` });
  } else if (apiKey !== undefined && headers !== undefined && !setKey(headers, apiKey)) {
    // The key itself is not shown.
    issues.push({ path: "apiKey", message: "given a text that no header can hold" });
  }
  if (options.fetch !== undefined && typeof options.fetch !== "function") {
    issues.push({ path: "fetch", message: `given a ${typeof options.fetch}; allowed: a function` });
  }
  if (issues.length > 0 || headers === undefined) refuse(issues);
  // Bound, since a browser refuses `fetch` as the method of another object.
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  return { urls, fetch: send, headers, timeoutMs, retry };
}

function refuse(issues: readonly FieldIssue[]): never {
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  throw new InvalidInputError(`Cannot create the client: ${list.join("; ")}`, issues);
}

function urlsOf({ baseUrl, baseUrls }: ClientOptions, issues: FieldIssue[]): string[] {
  if (baseUrls !== undefined && !Array.isArray(baseUrls)) {
    issues.push({ path: "baseUrls", message: `given a ${typeof baseUrls}; allowed: a list` });
    return [];
  }
  const given = [...baseUrl === undefined ? [] : [baseUrl], ...baseUrls ?? []];
  if (given.length === 0) {
    const message = 'missing; allowed: the URL of a host, such as "http://127.0.0.1:8000"';
    issues.push({ path: "baseUrl", message });
  }
  const name = (i: number): string => baseUrls === undefined ? "baseUrl" : `baseUrls[${i}]`;
  const first = baseUrl === undefined ? 0 : 1;
  return given.map((it, i) => {
    const url = parsed(it);
    if (url !== undefined) return url;
    const message = `given ${JSON.stringify(shown(it))}; allowed: a URL with http or https, and ` +
      "without user, query and fragment";
    issues.push({ path: i < first ? "baseUrl" : name(i - first), message });
    return "";
  });
}

/** Returns the text of a URL that is not one, without a password. */
function shown(given: string | URL): string {
  return String(given).replace(/\/\/[^/@]*@/, "//***@");
}

/** Returns a base URL without a slash at its end; undefined if it is none. */
function parsed(given: string | URL): string | undefined {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    return undefined;
  }
  const isWeb = url.protocol === "http:" || url.protocol === "https:";
  if (
    !isWeb || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== ""
  ) return undefined;
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

function positive(path: string, value: unknown, issues: FieldIssue[]): void {
  if (typeof value === "number" && value > 0) return;
  issues.push({ path, message: `given ${String(value)}; allowed: a number greater than 0` });
}

function headersOf({ headers }: ClientOptions, issues: FieldIssue[]): Headers | undefined {
  try {
    return new Headers(headers);
  } catch (error) {
    issues.push({ path: "headers", message: (error as Error).message });
    return undefined;
  }
}

function setKey(headers: Headers, apiKey: string): boolean {
  try {
    headers.set("authorization", `Bearer ${apiKey}`);
    return true;
  } catch {
    return false;
  }
}
