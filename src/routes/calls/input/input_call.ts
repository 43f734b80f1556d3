import { invalidCall, shownValue } from "../../../calls/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { suggestion } from "../../../near_names.ts";
import { CallInputs, type InputLimits } from "../../../pool/mod.ts";
import type { ToolInfo } from "../../../tools/mod.ts";
import { isBytesBody } from "../../http/mod.ts";
import { type CallFields, decodeCall } from "../call_body.ts";
import { type FindTool, MAX_CHUNK_BYTES, ParameterKinds, readQuery } from "../upload/mod.ts";
import { ByteItems, LineItems } from "./body_items.ts";

const NDJSON = "application/x-ndjson";
const BYTES_TYPES = ["application/octet-stream", "image/*", "audio/*", "video/*"];

/** Returns true if the body of a request is the input stream of a parameter, as its query says. */
export function hasInput(url: string): boolean {
  return /[?&]input=/.test(url);
}

/**
 * Returns the call of a request whose body is an input stream, which nobody has read. All of the
 * call is in the query: `?tool=total&input=numbers&args={"start":5}`.
 *
 * @throws {SnakedenError} `unsupported_media_type`, and `invalid_input` naming what is wrong.
 */
export function openInputCall(
  request: Request,
  { limits, findTool }: { readonly limits: InputLimits; readonly findTool: FindTool },
): CallFields {
  const { maxDepth } = limits;
  const items = itemsForm(request.headers);
  const { fields = {}, arg } = readQuery(request.url, maxDepth) ?? {};
  const { input, chunkBytes: frame, ...call } = fields;
  if (arg !== undefined) refuse("arg", "given with input; allowed: one of the two");
  const chunkBytes = frame === undefined ? undefined : lengthOf(String(frame), items);
  const { tool, args, options } = decodeCall(undefined, maxDepth, { fields: call, args: [] });
  const name = String(input);
  checkName(name, findTool(tool, options.pool, options));
  if (isRecord(call["args"]) && Object.hasOwn(call["args"], name)) {
    refuse(`args.${name}`, "given in the body and in the query");
  }
  const body = {
    body: request.body,
    isMeasured: request.headers.has("content-length"),
    isDuplex: new URL(request.url).pathname.endsWith("/stream"),
  };
  const source = items === "lines"
    ? new LineItems(body, maxDepth)
    : new ByteItems(body, chunkBytes);
  const inputs = new CallInputs(limits);
  const id = inputs.add(source, `args.${name}`);
  return { tool, args: args.withInput(name, id, inputs), options };
}

/** Refuses a parameter that does not take a stream. */
function checkName(name: string, tool: ToolInfo | undefined): void {
  if (name === "" || name.startsWith("$")) {
    refuse("input", `given ${shownValue(name)}; allowed: the name of a parameter`);
  }
  // The host names what is wrong with the tool.
  if (tool === undefined) return;
  const kinds = new ParameterKinds(tool.inputSchema);
  if (kinds.takesInput(name)) return;
  const takers = kinds.ofInput;
  const known = kinds.issuesOf([name]).length === 0;
  const why = known ? "which does not take a stream" : `which the tool ${tool.name} does not have`;
  const hint = takers.length === 0
    ? "no parameter of the tool takes a stream; its hint would be Iterator[...] or " +
      "AsyncIterator[...]"
    : suggestion(name, takers);
  refuse("input", `given ${shownValue(name)}, ${why}; ${hint}`);
}

function lengthOf(text: string, items: "lines" | "bytes"): number {
  if (items === "lines") {
    refuse("chunkBytes", "given with a body of lines; allowed: with a body of bytes only");
  }
  const length = Number(text);
  if (!/^\d+$/.test(text) || length < 1 || length > MAX_CHUNK_BYTES) {
    const rule = `a whole number from 1 to ${MAX_CHUNK_BYTES}`;
    refuse("chunkBytes", `given ${JSON.stringify(text.slice(0, 60))}; allowed: ${rule}`);
  }
  return length;
}

function itemsForm(headers: Headers): "lines" | "bytes" {
  if (isBytesBody(headers)) return "bytes";
  const type = headers.get("content-type");
  const essence = type?.split(";")[0]?.trim().toLowerCase();
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (essence === NDJSON && encoding === "identity") return "lines";
  const given = type === null ? "(none given)" : JSON.stringify(type);
  const coded = encoding === "identity" ? "" : ` with content-encoding ${shownValue(encoding)}`;
  throw new SnakedenError(
    "unsupported_media_type",
    `Cannot read a stream of type ${given}${coded}; ` +
      `allowed: ${NDJSON} with one JSON value a line, or bytes of the type ` +
      `${BYTES_TYPES.slice(0, -1).join(", ")} or ${BYTES_TYPES.at(-1)}; uncompressed`,
    { details: { given: type, accepted: [NDJSON, ...BYTES_TYPES] } },
  );
}

function refuse(path: string, message: string): never {
  throw invalidCall([{ path, message }]);
}
