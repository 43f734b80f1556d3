import { byteLengthOf, isDType, isShape, type RawBytes, Value } from "../../bridge/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import { type EncodedJson, invalidBody, unknownFields } from "../schema/mod.ts";
import { ARRAY_HEADERS, namesBytes, RAW_POLICY, type Traffic } from "../calls/mod.ts";
import { AcceptRanges, parseJson } from "../http/mod.ts";

const BYTES_TYPE = "application/octet-stream";
const SHAPE = /^\d{1,15}(,\d{1,15})*$/;

/** A variable whose value came as the body of a request. */
export interface BytesBody extends Disposable {
  /** The fields of the query. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly value: Value;
}

/**
 * Reads a variable whose value is the body: bytes, or the elements of an array that the headers
 * describe, as in an answer. The room of the body is free again once the result is disposed.
 *
 * @throws {SnakedenError} `invalid_input`, and what {@link Traffic.readBytes} throws.
 */
export async function readBytesVariable(
  request: Request,
  { traffic, maxDepth }: { readonly traffic: Traffic; readonly maxDepth: number },
): Promise<BytesBody> {
  const fields = queryOf(request.url, maxDepth);
  const { bytes, release } = await traffic.readBytes(request);
  try {
    const isArray = fields["type"] === "tensor" || fields["type"] === "embedding";
    const value = Value.fromRaw(rawOf(bytes, request.headers, isArray));
    return { fields, value, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Returns the fields of a variable in the query of a request, still unchecked.
 *
 * @throws {InvalidInputError} `invalid_input` for fields that are unknown, or given twice.
 */
export function queryOf(url: string, maxDepth: number): Record<string, unknown> {
  const start = url.indexOf("?");
  const query = start < 0 ? [] : [...new URLSearchParams(url.slice(start))];
  const issues: FieldIssue[] = unknownFields(Object.fromEntries(query), ["type", "constraints"]);
  const fields: Record<string, unknown> = {};
  for (const [name, text] of query) {
    if (Object.hasOwn(fields, name)) issues.push({ path: name, message: "given twice" });
    fields[name] = name === "constraints" ? parseJson(text, name, maxDepth) : text;
  }
  if (issues.length > 0) throw invalidBody(issues);
  return fields;
}

function rawOf(bytes: Uint8Array, headers: Headers, isArray: boolean): RawBytes {
  const shapeText = headers.get(ARRAY_HEADERS.shape);
  const dtype = headers.get(ARRAY_HEADERS.dtype) ?? (isArray ? "|u1" : null);
  if (dtype === null) {
    if (shapeText === null) return { bytes };
    throw wrongHeader("shape", shapeText, `beside ${ARRAY_HEADERS.dtype} only`);
  }
  if (!isDType(dtype)) throw wrongHeader("dtype", dtype, "a type of elements, such as <f4");
  const itemBytes = byteLengthOf(dtype, []);
  if (shapeText === null) {
    if (bytes.byteLength % itemBytes === 0) {
      return { bytes, dtype, shape: [bytes.byteLength / itemBytes] };
    }
    const message =
      `given ${bytes.byteLength} bytes, which are no elements of the type ${dtype}; ` +
      `allowed: a multiple of ${itemBytes}`;
    throw invalidBody([{ path: "", message }]);
  }
  const shape = shapeText === "" ? [] : shapeText.split(",").map(Number);
  if (!(shapeText === "" || SHAPE.test(shapeText)) || !isShape(shape)) {
    throw wrongHeader("shape", shapeText, "up to 32 whole numbers, such as 2,3");
  }
  const wanted = byteLengthOf(dtype, shape);
  if (wanted === bytes.byteLength) return { bytes, dtype, shape };
  const allowed = `a shape of ${bytes.byteLength} bytes, as the body has`;
  throw wrongHeader("shape", `${shapeText}, which takes ${wanted} bytes of ${dtype}`, allowed);
}

function wrongHeader(header: keyof typeof ARRAY_HEADERS, given: string, allowed: string): Error {
  const path = ARRAY_HEADERS[header];
  return invalidBody([{ path, message: `given ${given.slice(0, 200)}; allowed: ${allowed}` }]);
}

/**
 * Returns the bytes of a value for a client that prefers them to JSON; undefined to send JSON.
 *
 * @throws {SnakedenError} `not_acceptable` if the client takes bytes alone and there are none.
 */
export function bytesFor(accept: string | undefined, value: Value): RawBytes | undefined {
  if (accept === undefined || accept === "*/*" || accept === "application/json") return undefined;
  const ranges = new AcceptRanges(accept);
  const quality = ranges.qualityByName(BYTES_TYPE);
  const json = ranges.qualityOf("application/json");
  if (quality === 0) {
    if (json > 0 || !namesBytes(ranges)) return undefined;
    throw notAcceptable(accept, `the bytes of variables are sent as ${BYTES_TYPE} only`);
  }
  if (json > quality) return undefined;
  const { raw } = value;
  if (raw !== undefined || json > 0) return raw;
  throw notAcceptable(accept, "the variable is neither bytes nor an array");
}

function notAcceptable(accept: string, why: string): SnakedenError {
  const given = accept.slice(0, 200);
  return new SnakedenError(
    "not_acceptable",
    `Cannot answer with ${JSON.stringify(given)}: ${why}; ` +
      "application/json in the header accept takes every value",
    { details: { given } },
  );
}

/**
 * Returns a response whose body is bytes, or the elements of an array.
 *
 * @throws {SnakedenError} `server_busy` if too many large answers wait for their readers.
 */
export function bytesAnswer(
  { bytes, dtype, shape }: RawBytes,
  { traffic, headers }: {
    readonly traffic: Traffic;
    readonly headers: Readonly<Record<string, string>>;
  },
): EncodedJson<never> {
  const response = new Response(traffic.answers.body([bytes]), {
    headers: {
      "content-type": BYTES_TYPE,
      ...RAW_POLICY,
      "content-length": String(bytes.byteLength),
      ...(dtype === undefined ? {} : { [ARRAY_HEADERS.dtype]: dtype }),
      ...(shape === undefined ? {} : { [ARRAY_HEADERS.shape]: shape.join(",") }),
      ...headers,
    },
  });
  // It has no JSON, so it fits the JSON that its route describes beside it.
  return response as EncodedJson<never>;
}
