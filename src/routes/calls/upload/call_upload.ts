import { CALL_FIELDS, invalidCall } from "../../../calls/mod.ts";
import { isRecord } from "../../../json/mod.ts";
import type { LearnOptions, ToolInfo, ToolsOptions } from "../../../tools/mod.ts";
import { boundaryOf, type FormPart, parseJsonBody, parseMultipart } from "../../http/mod.ts";
import { type ArgPart, NO_TOOL, type Upload } from "../call_body.ts";
import { type CallQuery, readQuery } from "./call_query.ts";
import { type ParameterKind, ParameterKinds } from "./parameter_kinds.ts";

/** The part of a form that holds fields of the call. No parameter in Python has such a name. */
export const CALL_PART = "$call";

/** The longest {@link CALL_PART}, in bytes. */
const MAX_CALL_PART_BYTES = 64 * 1024;

/** Finds a tool by its name, and its pool if the call names one. */
export type FindTool = (
  name: string,
  pool?: string,
  options?: ToolsOptions,
) => ToolInfo | undefined;

/** Does the same, but waits for the first worker of a pool that may have the tool. */
export type LearnTool = (
  name: string,
  pool: string | undefined,
  options: LearnOptions,
) => Promise<ToolInfo | undefined>;

/**
 * Returns the parts of a call whose body is the bytes of one argument. Its other fields are in the
 * query: `?tool=resize&arg=image&args={"width":100}`. Without `arg` it is the argument of the one
 * parameter that takes bytes.
 *
 * @throws {InvalidInputError} `invalid_input` if the argument is not known.
 */
export function bytesUpload(
  body: Uint8Array<ArrayBuffer>,
  { query, tool }: { readonly query: CallQuery | undefined; readonly tool: ToolInfo | undefined },
): Upload {
  const { fields = {}, arg } = query ?? {};
  const name = arg ?? onlyBytesParameter(tool);
  if (name.startsWith("$")) {
    throw invalidCall([{ path: "arg", message: "no argument begins with $" }]);
  }
  const { args } = fields;
  if (isRecord(args) && Object.hasOwn(args, name)) {
    throw invalidCall([{ path: `args.${name}`, message: "given in the body and in the query" }]);
  }
  return { fields, args: [], files: new Map([[name, body]]) };
}

function onlyBytesParameter(tool: ToolInfo | undefined): string {
  // An unknown tool gets its error from the host, whatever the argument.
  if (tool === undefined) return "body";
  const names = new ParameterKinds(tool.inputSchema).ofBytes;
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  const found = names.length === 0 ? "no parameter" : `${names.length} (${names.join(", ")})`;
  const message = `missing; the tool ${tool.name} has ${found} that take${
    names.length > 1 ? "" : "s"
  } bytes: name the argument that the body is`;
  throw invalidCall([{ path: "arg", message }]);
}

/**
 * Returns the parts of a call whose body is a form with one part for each argument. Other fields
 * are in the query, or as JSON in the part {@link CALL_PART}.
 *
 * @throws {InvalidInputError} `invalid_input` naming the part that is wrong.
 */
export async function formUpload(
  body: Uint8Array<ArrayBuffer>,
  { query, learn, contentType, maxDepth }: {
    readonly query: CallQuery | undefined;
    readonly learn: Learn;
    readonly contentType: string;
    readonly maxDepth: number;
  },
): Promise<Upload> {
  const parts = await parseMultipart(body, boundaryOf(contentType));
  if (query?.arg !== undefined) {
    throw invalidCall([{ path: "arg", message: "a form names its arguments by its parts" }]);
  }
  const fields = fieldsOf(parts, query, maxDepth);
  const kinds = new ParameterKinds((await learn(fields))?.inputSchema);
  const args: ArgPart[] = [];
  const files = new Map<string, Uint8Array | Uint8Array[]>();
  for (const [name, its] of Map.groupBy(parts, ({ name }) => name)) {
    if (name !== CALL_PART) sort(name, its, { kinds, fields, args, files });
  }
  const names = new Set([...args.map(({ name }) => name), ...files.keys()]);
  return { fields, args, files, unknown: kinds.issuesOf(names) };
}

interface Sorted {
  readonly kinds: ParameterKinds;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly args: ArgPart[];
  readonly files: Map<string, Uint8Array | Uint8Array[]>;
}

/** Adds the parts of one name to the arguments, or to the files. */
function sort(name: string, parts: readonly FormPart[], sorted: Sorted): void {
  const { kinds, fields, args, files } = sorted;
  const path = `args.${name}`;
  if (name.startsWith("$")) {
    throw invalidCall([{ path, message: `no argument begins with $; known is ${CALL_PART}` }]);
  }
  if (isRecord(fields["args"]) && Object.hasOwn(fields["args"], name)) {
    throw invalidCall([{ path, message: `given as a part, and in the query or in ${CALL_PART}` }]);
  }
  const kind = kinds.of(name);
  const [first] = parts;
  if (first === undefined) return;
  if (kind !== "list" || isWholeList(parts)) {
    if (parts.length > 1) {
      throw invalidCall([{ path, message: `given ${parts.length} times; it takes one part` }]);
    }
    const form = kind === "list" ? "json" : formOf(first, kind);
    if (form === "bytes") files.set(name, first.bytes);
    else args.push({ name, form, bytes: first.bytes, isItem: false });
    return;
  }
  const forms = parts.map((it) => formOf(it, kinds.itemsOf(name)));
  if (forms.includes("bytes")) files.set(name, parts.map((it) => it.bytes));
  else {
    parts.forEach(({ bytes }, at) => {
      args.push({ name, form: forms[at] === "json" ? "json" : "text", bytes, isItem: true });
    });
  }
}

/** True for a list that is written as JSON in one part. */
function isWholeList([first, ...others]: readonly FormPart[]): boolean {
  if (first === undefined || others.length > 0) return false;
  return first.type === "application/json" || (!first.isFile && startsWithBracket(first.bytes));
}

function startsWithBracket(bytes: Uint8Array): boolean {
  const at = bytes.findIndex((it) => it > 0x20);
  return bytes[at] === 0x5b;
}

/** The parameter decides how a part is read; if it takes anything, the part does. */
function formOf({ isFile, type }: FormPart, kind: ParameterKind): "bytes" | "text" | "json" {
  if (kind === "bytes") return "bytes";
  if (type === "application/json") return "json";
  switch (kind) {
    case "text":
      return "text";
    case "json":
      return "json";
    case "array":
      return isFile ? "bytes" : "json";
    default:
      return isFile ? "bytes" : "text";
  }
}

/** Returns the fields of the part {@link CALL_PART}, and those of the query that it lacks. */
function fieldsOf(
  parts: readonly FormPart[],
  query: CallQuery | undefined,
  maxDepth: number,
): Readonly<Record<string, unknown>> {
  const fields = query?.fields ?? {};
  const [part, ...others] = parts.filter(({ name }) => name === CALL_PART);
  if (part === undefined) return fields;
  const refuse = (path: string, message: string): Error => invalidCall([{ path, message }]);
  if (others.length > 0) throw refuse(CALL_PART, `given ${others.length + 1} times`);
  const { byteLength } = part.bytes;
  if (byteLength > MAX_CALL_PART_BYTES) {
    throw refuse(
      CALL_PART,
      `given ${byteLength} bytes; allowed: at most ${MAX_CALL_PART_BYTES}; send large arguments ` +
        "as parts of their own",
    );
  }
  const call = parseJsonBody(part.bytes, maxDepth);
  if (!isRecord(call)) throw refuse(CALL_PART, "allowed: a JSON object of the fields of a call");
  return { ...fields, ...call };
}

/** Returns the tool that the fields of a call name; undefined if they name none that is known. */
type Learn = (fields: CallQuery["fields"]) => Promise<ToolInfo | undefined>;

/** Options of {@link uploadOpener}. */
export interface UploadOptions {
  readonly form: "form" | "bytes";
  readonly learnTool: LearnTool;
  readonly maxDepth: number;
}

/**
 * Opens an upload, by the form of its body. A tool that the query names is looked up before the
 * body is read, since that may take as long as a worker takes to start.
 *
 * @throws {SnakedenError} `invalid_input` naming what is wrong, and what {@link LearnTool} throws.
 */
export async function uploadOpener(
  request: Request,
  { form, learnTool, maxDepth }: UploadOptions,
): Promise<(body: Uint8Array<ArrayBuffer>) => Promise<Upload>> {
  const query = readQuery(request.url, maxDepth);
  const learn: Learn = async ({ tool, pool, sessionId, timeoutMs }) => {
    if (tool === undefined) {
      throw invalidCall([{ ...NO_TOOL, message: "missing; add ?tool=NAME to the address" }]);
    }
    if (typeof tool !== "string") return undefined;
    return await learnTool(tool, typeof pool === "string" ? pool : undefined, {
      sessionId: typeof sessionId === "string" ? sessionId : undefined,
      timeoutMs: CALL_FIELDS.timeoutMs.isValid(timeoutMs) ? Number(timeoutMs) : undefined,
    });
  };
  if (form === "bytes") {
    const tool = query?.arg === undefined ? await learn(query?.fields ?? {}) : undefined;
    return (body) => Promise.resolve(bytesUpload(body, { query, tool }));
  }
  const contentType = request.headers.get("content-type") ?? "";
  if (query?.fields["tool"] !== undefined) await learn(query.fields);
  return (body) => formUpload(body, { query, learn, contentType, maxDepth });
}
