import { CALL_FIELDS } from "../../../calls/mod.ts";
import { CALL_PART } from "./call_upload.ts";

/** The longest frame into which an input stream of bytes is cut. */
export const MAX_CHUNK_BYTES = 16_777_216;

/** Bytes, in an OpenAPI document. */
export const BINARY: object = { type: "string", format: "binary" };

const BYTES = {
  ...BINARY,
  description: "The bytes of one argument, see `arg`, or of an input stream, see `input`.",
} as const;

/** The bodies of calls other than JSON, in an OpenAPI document. */
export const UPLOADS = {
  "multipart/form-data": {
    schema: {
      type: "object",
      description: "One part for each argument. Files are bytes; text is read by the parameter " +
        "that it is for. A parameter that takes a list takes several parts of its name.",
      properties: {
        [CALL_PART]: {
          type: "object",
          description: "Fields of the call, as in a JSON body; they can be in the query instead.",
        },
      },
      additionalProperties: {
        anyOf: [{ ...BINARY }, { type: "array", items: { ...BINARY } }, {}],
      },
    },
  },
  "application/octet-stream": { schema: BYTES },
  "application/x-ndjson": {
    schema: { ...BINARY, description: "An input stream of one JSON value a line, see `input`." },
  },
  "image/*": { schema: BYTES },
  "audio/*": { schema: BYTES },
  "video/*": { schema: BYTES },
} as const;

const { requestId: _header, args: { schema: argsSchema }, ...TEXT_FIELDS } = CALL_FIELDS;

/** The fields of a call in its query, in an OpenAPI document. */
export const CALL_PARAMETERS = [
  ...Object.entries(TEXT_FIELDS).map(([name, { schema }]) => ({
    name,
    in: "query" as const,
    required: false,
    schema: withoutValue(schema),
  })),
  {
    name: "args",
    in: "query" as const,
    required: false,
    content: { "application/json": { schema: withoutValue(argsSchema) } },
  },
  {
    name: "arg",
    in: "query" as const,
    required: false,
    description:
      "For a body of plain bytes: the argument that it is. Default: the only parameter " +
      "of the tool that takes bytes.",
    schema: { type: "string" as const },
  },
  {
    name: "input",
    in: "query" as const,
    required: false,
    description: "The parameter that reads the body as a stream, while it arrives: lines of JSON " +
      "(`application/x-ndjson`) or bytes (`application/octet-stream`, `image/*`, `audio/*`, " +
      "`video/*`).",
    schema: { type: "string" as const },
  },
  {
    name: "chunkBytes",
    in: "query" as const,
    required: false,
    description: "For an `input` of bytes: the length of the frames into which it is cut. " +
      "Default: pieces as they arrive.",
    schema: { type: "integer" as const, minimum: 1, maximum: MAX_CHUNK_BYTES },
  },
];

/** The fields of the run of a program in its query. Its body is JSON, and its tool is stored. */
export const RUN_PARAMETERS: typeof CALL_PARAMETERS = CALL_PARAMETERS
  .filter(({ name }) => !["tool", "arg", "input", "chunkBytes"].includes(name));

/**
 * Returns the same schema in a form from which the page at `/docs` takes no value. It would send an
 * example, and the first value of an `enum`, with every call that a reader tries.
 */
function withoutValue(schema: Readonly<Record<string, unknown>>): object {
  const { example: _example, enum: values, ...rest } = schema;
  if (!Array.isArray(values)) return rest;
  return { ...rest, oneOf: values.map((value: unknown) => ({ const: value })) };
}
