import { InvalidInputError } from "../../errors.ts";
import type { Ask } from "../http/mod.ts";
import { type Input, refuseNested } from "../inputs/mod.ts";
import type { Args, CallOptions } from "../shapes/mod.ts";
import { encodeTree } from "../values/mod.ts";

/** From this size on, an argument of bytes is sent as a part of a form, without base64. */
const MIN_PART_BYTES = 1024 * 1024;
/** Names of arguments that are the same in a form. */
const PART_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** The longest arguments in an address; hosts take addresses of 64 KiB. */
const MAX_QUERY_CHARS = 60_000;
/** The ids that a host keeps. */
const REQUEST_ID = /^[\w.:@+/=-]{1,128}$/;

/** The body of a call, and its headers. */
export interface CallBody {
  readonly body: BodyInit;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Returns the body of a call. Large arguments of bytes make it a form; else it is JSON.
 *
 * @param tool The name of the tool; undefined for the run of a program.
 * @throws {SnakedenError} `invalid_value` for an argument that cannot be sent.
 * @throws {InvalidInputError} For a request id that no header can hold.
 */
export function callBody(tool: string | undefined, args: Args, options: CallOptions): CallBody {
  const { signal: _signal, onProgress: _onProgress, requestId, ...fields } = options;
  const headers = { ...JSON_BODY, ...idHeader(requestId) };
  const parts = tool === undefined ? [] : largeParts(args);
  if (parts.length === 0) {
    const call = { tool, args: encodeTree(args, "args", refuseNested), ...fields };
    return { body: JSON.stringify(call), headers };
  }
  const names = new Set(parts.map(([name]) => name));
  const rest = Object.fromEntries(Object.entries(args).filter(([name]) => !names.has(name)));
  const form = new FormData();
  const call = { tool, args: encodeTree(rest, "args", refuseNested), ...fields };
  form.append("$call", JSON.stringify(call));
  for (const [name, bytes] of parts) form.append(name, new Blob([bytes]), name);
  // `fetch` names the type, with the boundary.
  return { body: form, headers: idHeader(requestId) };
}

/** The query of a call whose body is an input stream, and its headers. */
export interface InputQuery {
  readonly query: NonNullable<Ask["query"]>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Returns the query of a call whose body is an input stream.
 *
 * @throws {SnakedenError} `invalid_value` for an argument that cannot be sent.
 * @throws {InvalidInputError} For a request id that no header can hold, and for arguments that no
 * address can.
 */
export function inputQuery(tool: string, { name, rest }: Input, options: CallOptions): InputQuery {
  const { signal: _signal, onProgress: _onProgress, requestId, ...fields } = options;
  const args = JSON.stringify(encodeTree(rest, "args", refuseNested));
  const length = encodeURIComponent(args).length;
  if (length > MAX_QUERY_CHARS) {
    const message = `the arguments beside an input stream take ${length} characters of the ` +
      `address; allowed: ${MAX_QUERY_CHARS}`;
    throw new InvalidInputError(`Cannot make the call: args: ${message}`, [
      { path: "args", message },
    ]);
  }
  const query = { ...fields, ...(Object.keys(rest).length === 0 ? {} : { args }) };
  return { query: { ...query, tool, input: name }, headers: idHeader(requestId) };
}

/** The header of a body of JSON. */
export const JSON_BODY = { "content-type": "application/json" } as const;

/** Returns the header with the id of a request. */
export function idHeader(requestId: string | undefined): Record<string, string> {
  if (requestId === undefined) return {};
  if (typeof requestId === "string" && REQUEST_ID.test(requestId)) {
    return { "x-request-id": requestId };
  }
  const message = `given ${JSON.stringify(String(requestId).slice(0, 60))}; ` +
    "allowed: 1 to 128 letters, digits or _ . : @ + / = -";
  throw new InvalidInputError(`Cannot make the call: requestId: ${message}`, [
    { path: "requestId", message },
  ]);
}

type Part = readonly [string, Uint8Array<ArrayBuffer> | ArrayBuffer];

function largeParts(args: Args): Part[] {
  if (typeof args !== "object" || args === null) return [];
  return Object.entries(args).filter((entry): entry is [string, Part[1]] => {
    const [name, value] = entry;
    const isBytes = value instanceof ArrayBuffer ||
      (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer);
    return isBytes && value.byteLength >= MIN_PART_BYTES && PART_NAME.test(name);
  });
}
