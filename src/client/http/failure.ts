import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";

/** Codes of Node and Bun for connections that were never made. */
const NEVER_CONNECTED: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket",
]);

/** The texts of Deno for the same. */
const NEVER_CONNECTED_TEXT = /client error \(Connect\)|dns error|failed to lookup address/i;

/**
 * Returns true if `fetch` failed before it sent anything. A browser does not tell its pages, so
 * there it is always false.
 */
export function neverConnected(error: unknown): boolean {
  return causesOf(error).some((it) =>
    NEVER_CONNECTED.has(it.code) || NEVER_CONNECTED_TEXT.test(it.message)
  );
}

/** Returns the reason of a failure of `fetch`, with those of its causes. */
export function reasonOf(error: unknown): string {
  const texts = causesOf(error).map(({ message }) => message).filter((it) => it !== "");
  // Deno repeats the URL, which the text around a reason has already.
  const text = [...new Set(texts)].join(": ").replace(
    /error sending request for url \(\S*\): /,
    "",
  );
  return text || String(error);
}

interface Cause {
  readonly code: unknown;
  readonly message: string;
}

/** The most causes of an error that are looked at. */
const MAX_CAUSES = 8;

function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = [];
  for (let it = error; isRecord(it) && causes.length < MAX_CAUSES; it = it.cause) {
    const { code, message } = it;
    causes.push({ code, message: typeof message === "string" ? message : "" });
  }
  return causes;
}

/** A host that was tried, and the reason why it did not answer. */
export interface Tried {
  readonly url: string;
  readonly reason: string;
}

/** Returns the error of a request that reached no host. It did nothing. */
export function hostUnreachable(tried: readonly Tried[], cause: unknown): SnakedenError {
  const list = tried.map(({ url, reason }) => `${url} (${reason})`).join(", ");
  return new SnakedenError("host_unreachable", `Cannot reach ${list}`, {
    retryable: true,
    details: { tried, mayHaveRun: false },
    cause,
  });
}

/** Returns the error of a request whose connection broke. It may have had effects. */
export function connectionLost(
  url: string,
  cause: unknown,
  details: Readonly<Record<string, unknown>> = {},
): SnakedenError {
  const note = typeof details.note === "string" ? `; ${details.note}` : "";
  const { note: _note, ...facts } = details;
  return new SnakedenError(
    "connection_lost",
    `The connection to ${url} broke: ${reasonOf(cause)}${note || "; the request may have run"}`,
    { retryable: true, details: { url, mayHaveRun: true, ...facts }, cause },
  );
}

/** The part of a foreign answer that an error shows. */
const SHOWN_CHARS = 200;

/** A field of an answer that is wrong. */
export interface WrongField {
  readonly name: string;
  /** The problem, such as `missing; allowed: a list of objects`. */
  readonly message: string;
}

/** Returns the error of an answer that does not come from a host, but perhaps from a proxy. */
export function unexpectedAnswer(
  url: string,
  { status, headers }: Response,
  body: string,
  field?: WrongField,
): SnakedenError {
  const contentType = headers.get("content-type") ?? "none";
  const start = body.slice(0, SHOWN_CHARS).replace(/\s+/g, " ").trim();
  const what = field === undefined ? "" : `its field ${field.name} is ${field.message}; `;
  return new SnakedenError(
    "unexpected_answer",
    `The answer of ${url} is not one of Snakeden: ${what}` +
      `status ${status}, content type ${contentType}` +
      (start === "" ? ", no body" : `, body ${JSON.stringify(start)}`),
    {
      retryable: status >= 500,
      details: {
        url,
        status,
        contentType,
        body: start,
        ...(field === undefined ? {} : { field: field.name }),
      },
    },
  );
}
