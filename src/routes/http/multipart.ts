import { delay } from "../../async/mod.ts";
import { InvalidInputError } from "../../errors.ts";

/** One part of a form; its bytes are a view of the body. */
export interface FormPart {
  readonly name: string;
  /** True if it has a file name. */
  readonly isFile: boolean;
  /** The media type without parameters, in lower case. */
  readonly type: string | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The most parts of a form. */
const MAX_PARTS = 1_000;
/** The longest headers of a part, in bytes. */
const MAX_HEADER_BYTES = 8 * 1024;
/** The bytes that are searched between two looks at the clock. */
const SLICE_BYTES = 256 * 1024;
/** The time after which other requests get a turn. */
const TURN_MS = 5;

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;

const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;
const PARAMETER = /;\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))/gy;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Returns the boundary that a content type names.
 *
 * @throws {InvalidInputError} `invalid_input` if it names none, or one that is not allowed.
 */
export function boundaryOf(contentType: string): string {
  const boundary = parametersOf(contentType)?.get("boundary");
  if (boundary !== undefined && BOUNDARY.test(boundary)) return boundary;
  throw refused(
    "content-type",
    `${JSON.stringify(contentType)} names no boundary of 1 to 70 characters; let your client ` +
      "write this header",
  );
}

/**
 * Returns the parts of a `multipart/form-data` body. Gives other requests a turn while it searches
 * a large body.
 *
 * @throws {InvalidInputError} `invalid_input` naming the part that is wrong.
 * @see https://www.rfc-editor.org/rfc/rfc7578
 */
export async function parseMultipart(
  body: Uint8Array<ArrayBuffer>,
  boundary: string,
): Promise<FormPart[]> {
  const scanner = new Scanner(body, boundary);
  if (!await scanner.begin()) {
    throw refused("", `the boundary ${JSON.stringify(boundary)} of the header is not in the body`);
  }
  const parts: FormPart[] = [];
  while (!scanner.isAtEnd) {
    if (parts.length === MAX_PARTS) {
      throw refused("", `it has more than ${MAX_PARTS} parts, which is the limit`);
    }
    const head = headOf(scanner.headers(parts.length + 1), parts.length + 1);
    const bytes = await scanner.content();
    if (bytes === undefined) {
      throw refused(head.name, "the body ends before the part does: it was cut off");
    }
    parts.push({ ...head, bytes });
  }
  return parts;
}

/** Finds the delimiters of a body. */
class Scanner {
  readonly #body: Uint8Array<ArrayBuffer>;
  /** The bytes before each part. At the beginning of the body they lack the line break. */
  readonly #delimiter: Uint8Array;
  #at = 0;
  #isAtEnd = false;
  #turnAt = performance.now() + TURN_MS;

  constructor(body: Uint8Array<ArrayBuffer>, boundary: string) {
    this.#body = body;
    this.#delimiter = encoder.encode(`\r\n--${boundary}`);
  }

  /** True behind the last delimiter. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Goes to the first part; returns false if there is no delimiter. */
  async begin(): Promise<boolean> {
    const first = this.#delimiter.subarray(2);
    if (this.#matches(first, 0) && this.#pass(first.byteLength)) return true;
    return await this.content() !== undefined;
  }

  /** Returns the headers of the part, and goes to its content. */
  headers(number: number): string {
    const body = this.#body;
    const end = Math.min(body.byteLength, this.#at + MAX_HEADER_BYTES);
    let at = this.#at;
    // A part without headers begins with the empty line.
    while (at < end && !(body[at] === CR && body[at + 1] === LF && this.#isBlankAfter(at))) at++;
    if (at >= end) {
      throw refused(
        `part ${number}`,
        end === body.byteLength
          ? "the body ends in its headers: it was cut off"
          : `its headers have more than ${MAX_HEADER_BYTES} bytes, which is the limit`,
      );
    }
    const text = body.subarray(this.#at, at);
    this.#at = at === this.#at ? at + 2 : at + 4;
    return decode(text, `part ${number}`);
  }

  /** Returns the bytes up to the next delimiter, and passes that; undefined if there is none. */
  async content(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const body = this.#body;
    const start = this.#at;
    // The content may be empty: its delimiter then begins with the line break of the headers.
    let at = Math.max(0, start - 2);
    let pausesAt = at + SLICE_BYTES;
    while (true) {
      at = body.indexOf(CR, at);
      if (at < 0) return undefined;
      if (at >= start - 2 && this.#matches(this.#delimiter, at)) {
        const bytes = body.subarray(start, Math.max(start, at));
        if (this.#pass(at + this.#delimiter.byteLength)) return bytes;
      }
      at++;
      if (at < pausesAt) continue;
      pausesAt = at + SLICE_BYTES;
      await this.#takeTurns();
    }
  }

  #isBlankAfter(at: number): boolean {
    if (at === this.#at) return true;
    return this.#body[at + 2] === CR && this.#body[at + 3] === LF;
  }

  #matches(needle: Uint8Array, at: number): boolean {
    const body = this.#body;
    if (at + needle.byteLength > body.byteLength) return false;
    for (let i = 0; i < needle.byteLength; i++) if (body[at + i] !== needle[i]) return false;
    return true;
  }

  /** Passes the end of a delimiter; returns false if more follows, so that it is none. */
  #pass(at: number): boolean {
    const body = this.#body;
    if (body[at] === DASH && body[at + 1] === DASH) {
      this.#isAtEnd = true;
      return true;
    }
    while (body[at] === SPACE || body[at] === TAB) at++;
    if (body[at] !== CR || body[at + 1] !== LF) return false;
    this.#at = at + 2;
    return true;
  }

  async #takeTurns(): Promise<void> {
    if (performance.now() < this.#turnAt) return;
    await delay(0);
    this.#turnAt = performance.now() + TURN_MS;
  }
}

function headOf(text: string, number: number): Omit<FormPart, "bytes"> {
  const here = `part ${number}`;
  const headers = new Map<string, string>();
  for (const line of text === "" ? [] : text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon < 1) throw refused(here, `${JSON.stringify(short(line))} is no header`);
    if (headers.has(name)) throw refused(here, `it has two headers ${name}`);
    headers.set(name, line.slice(colon + 1).trim());
  }
  const disposition = headers.get("content-disposition") ?? "";
  const parameters = parametersOf(disposition);
  if (!/^form-data\s*(;|$)/i.test(disposition) || parameters === undefined) {
    throw refused(here, 'it has no header content-disposition: form-data; name="..."');
  }
  const name = parameters.get("name");
  if (name === undefined || name === "") throw refused(here, "it has no name");
  for (const key of parameters.keys()) {
    if (key.endsWith("*")) {
      throw refused(
        name,
        `the parameter ${key} is not allowed in multipart/form-data (RFC 7578); ` +
          `send ${key.slice(0, -1)} in UTF-8`,
      );
    }
  }
  const encoding = headers.get("content-transfer-encoding")?.toLowerCase() ?? "binary";
  if (!["binary", "8bit", "7bit"].includes(encoding)) {
    throw refused(name, `its content-transfer-encoding is ${short(encoding)}; send the bytes`);
  }
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  return { name, isFile: parameters.has("filename"), type };
}

/** Returns the parameters of a header by name in lower case; undefined if it is malformed. */
function parametersOf(header: string): Map<string, string> | undefined {
  const start = header.indexOf(";");
  const parameters = new Map<string, string>();
  if (start < 0) return parameters;
  PARAMETER.lastIndex = start;
  let end = start;
  for (let it = PARAMETER.exec(header); it !== null; it = PARAMETER.exec(header)) {
    const [, name = "", quoted, token = ""] = it;
    const key = name.toLowerCase();
    if (parameters.has(key)) return undefined;
    parameters.set(key, quoted === undefined ? token : unquoted(quoted));
    end = PARAMETER.lastIndex;
  }
  return /^[\s;]*$/.test(header.slice(end)) ? parameters : undefined;
}

/**
 * Returns the text of a quoted parameter. Clients escape a quote as %22, and a backslash not at
 * all.
 *
 * @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
 */
function unquoted(text: string): string {
  return text.replaceAll(
    /%(22|0D|0A)/gi,
    (_, code: string) => String.fromCharCode(parseInt(code, 16)),
  );
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw refused(where, "its headers are not UTF-8");
  }
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function refused(path: string, message: string): InvalidInputError {
  const where = path === "" ? "" : `${short(path)}: `;
  return new InvalidInputError(`Cannot read the body: ${where}${message}`, [{
    path: short(path),
    message,
  }]);
}
