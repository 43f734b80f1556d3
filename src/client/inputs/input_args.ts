import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { type InputSource, isInputSource } from "../../values/mod.ts";
import type { Args } from "../shapes/mod.ts";

/** The argument of a call that is an input stream. */
export interface Input {
  /** The name of the parameter. */
  readonly name: string;
  readonly source: InputSource;
  /** The other arguments. */
  readonly rest: Args;
}

/**
 * Returns the input stream among the arguments of a call; undefined if there is none.
 *
 * @throws {InvalidInputError} If there are several: a request has one body.
 */
export function inputOf(args: Args): Input | undefined {
  if (typeof args !== "object" || args === null) return undefined;
  let found: { readonly name: string; readonly source: InputSource } | undefined;
  for (const name of Object.keys(args)) {
    const source = args[name];
    if (!isStream(source)) continue;
    if (found !== undefined) throw severalStreams(found.name, name);
    found = { name, source };
  }
  if (found === undefined) return undefined;
  const { name } = found;
  const rest = Object.fromEntries(Object.entries(args).filter(([it]) => it !== name));
  return { ...found, rest };
}

function isStream(value: unknown): value is InputSource {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    isInputSource(value);
}

/** Refuses an input stream inside another argument. */
export function refuseNested(path: string): never {
  throw refused(path, "an input stream inside another value; allowed over HTTP: as an argument");
}

function severalStreams(first: string, second: string): InvalidInputError {
  return refused(`args.${second}`, `a second input stream beside args.${first}; allowed: one`);
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot make the call: ${path}: ${message}`, [{ path, message }]);
}

/**
 * Refuses to send a stream where the runtime cannot.
 *
 * @throws {SnakedenError} `not_implemented`.
 */
export function assertSendable({ name }: Input, urls: readonly string[]): void {
  const why = obstacle(urls);
  if (why === undefined) return;
  throw new SnakedenError(
    "not_implemented",
    `Cannot send the input stream args.${name}: ${why}; send a list, or use another runtime`,
    { details: { parameter: name } },
  );
}

/** Returns the reason why no request to these URLs can send a stream; undefined if one can. */
export function obstacle(urls: readonly string[]): string | undefined {
  if (!hasRequestStreams()) return "fetch of this runtime does not send streams";
  const plain = urls.find((it) => it.startsWith("http:"));
  if (plain === undefined || !isBrowser()) return undefined;
  return `a browser sends streams over HTTP/2 only, which ${plain} does not have without TLS`;
}

/** Returns false where a stream as a body is taken for an object, and sent as its text. */
function hasRequestStreams(): boolean {
  try {
    const init = { method: "POST", body: new ReadableStream(), duplex: "half" };
    return !new Request("http://localhost", init).headers.has("content-type");
  } catch {
    return false;
  }
}

function isBrowser(): boolean {
  return /^Mozilla\//.test(globalThis.navigator?.userAgent ?? "");
}
