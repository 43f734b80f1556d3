import { z } from "zod";
import type { AnyHostTool } from "../../config/mod.ts";
import { messageOf } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import type { ToolInfo } from "../tool_info.ts";
import { toolNameIssue } from "../tool_name.ts";
import type { HostToolCall } from "./host_tool_call.ts";
import { type InvalidField, invalidTool } from "./invalid_tool.ts";
import { metadataProblem, typeName } from "./tool_metadata.ts";

/** The longest description, in characters. */
const MAX_DESCRIPTION_CHARS = 65_536;
/** The longest `timeoutMs`, and `stallTimeoutMs`: a day. */
const MAX_TIMEOUT_MS = 86_400_000;
/** The `timeoutMs` of a tool that names none; the default of a pool, too. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/** The keys of a definition. */
const KEYS = [
  "name",
  "description",
  "input",
  "output",
  "timeoutMs",
  "stallTimeoutMs",
  "streams",
  "expose",
  "exposeHttp",
  "metadata",
  "run",
] as const;

type Fields = Partial<Readonly<Record<typeof KEYS[number], unknown>>>;
type JsonSchema = Readonly<Record<string, unknown>>;

/** The constructors of generator functions. */
const GENERATORS: readonly unknown[] = [
  Object.getPrototypeOf(function* (): Generator<unknown> {}).constructor,
  Object.getPrototypeOf(async function* (): AsyncGenerator<unknown> {}).constructor,
];

/** A host tool whose definition was checked. */
export class HostTool {
  readonly name: string;
  readonly description: string;
  /** The schema of the arguments; undefined for any. */
  readonly input: z.ZodType | undefined;
  /** The schema of the result or the chunks; undefined for any. */
  readonly output: z.ZodType | undefined;
  /** The longest time of a call; undefined for the default. */
  readonly timeoutMs: number | undefined;
  /** The longest silence of a call; undefined for no limit. */
  readonly stallTimeoutMs: number | undefined;
  readonly streams: boolean;
  readonly expose: "all" | readonly string[];
  readonly exposeHttp: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema | undefined;
  /** Runs the tool with checked arguments. */
  readonly run: (args: unknown, call: HostToolCall) => unknown;

  private constructor(fields: Fields) {
    const { input, output, run } = fields;
    // By the checks of `of()`.
    this.name = fields.name as string;
    this.description = (fields.description ?? "") as string;
    this.input = input === undefined ? undefined : closed(input as z.ZodObject);
    this.output = output as z.ZodType | undefined;
    this.timeoutMs = fields.timeoutMs as number | undefined;
    this.stallTimeoutMs = fields.stallTimeoutMs as number | undefined;
    const tool = fields as { run(args: unknown, call: HostToolCall): unknown };
    this.run = (args, call) => tool.run(args, call);
    this.streams = (fields.streams ?? isGeneratorFunction(run)) as boolean;
    const expose = (fields.expose ?? []) as "all" | readonly string[];
    this.expose = expose === "all" ? expose : [...expose];
    this.exposeHttp = (fields.exposeHttp ?? false) as boolean;
    this.metadata = JSON.parse(JSON.stringify(fields.metadata ?? {}));
    this.inputSchema = this.input === undefined
      ? { type: "object", additionalProperties: {} }
      : schemaOf(this.name, "input", this.input);
    this.outputSchema = this.output && schemaOf(this.name, "output", this.output);
  }

  /**
   * Checks a definition.
   *
   * @throws {SnakedenError} `invalid_tool`, naming the first field that is wrong.
   */
  static of(definition: AnyHostTool): HostTool {
    const given: unknown = definition;
    if (!isRecord(given)) {
      throw invalidTool(undefined, wrong("definition", given, "an object, as of defineTool()"));
    }
    const fields: Fields = given;
    const issue = toolNameIssue(fields.name);
    const problem = issue === undefined ? problemOf(fields) : { field: "name", ...issue };
    if (problem !== undefined) throw invalidTool(fields.name, problem);
    return new HostTool(fields);
  }

  /** Returns true if the tools of a pool may find and call it. */
  isExposedTo(pool: string): boolean {
    return this.expose === "all" || this.expose.includes(pool);
  }

  /** Describes it for callers. */
  info(sessionId: string | undefined): ToolInfo {
    return {
      name: this.name,
      runsIn: "host",
      ...(sessionId === undefined ? {} : { sessionId }),
      description: this.description,
      inputSchema: this.inputSchema,
      ...(this.outputSchema === undefined ? {} : { outputSchema: this.outputSchema }),
      streams: this.streams,
      idempotent: false,
      ...(this.timeoutMs === undefined ? {} : { timeoutMs: this.timeoutMs }),
      ...(this.stallTimeoutMs === undefined ? {} : { stallTimeoutMs: this.stallTimeoutMs }),
      exposeHttp: this.exposeHttp,
      expose: this.expose,
      ...(Object.keys(this.metadata).length === 0 ? {} : { metadata: this.metadata }),
    };
  }
}

/** Returns the first problem with the other fields. */
function problemOf(fields: Fields): InvalidField | undefined {
  const unknown = Object.keys(fields).find((key) => !KEYS.some((it) => it === key));
  if (unknown !== undefined) {
    const message = `there is no such key; ${suggestion(unknown, KEYS)}`;
    return { field: unknown, reason: "unknown_key", message };
  }
  const { description, input, output, streams, expose, exposeHttp, metadata, run } = fields;
  if (typeof run !== "function") return wrong("run", run, "a function (args, call)");
  if (description !== undefined && typeof description !== "string") {
    return wrong("description", description, "a text");
  }
  if (typeof description === "string" && description.length > MAX_DESCRIPTION_CHARS) {
    const message = `given ${description.length} characters; allowed: at most ` +
      String(MAX_DESCRIPTION_CHARS);
    return { field: "description", reason: "too_long", message };
  }
  if (input !== undefined && !isObjectSchema(input)) {
    return wrong("input", input, "an object schema of zod 4, such as z.object({})");
  }
  if (output !== undefined && !isSchema(output)) {
    return wrong("output", output, "a schema of zod 4");
  }
  for (const field of ["timeoutMs", "stallTimeoutMs"] as const) {
    const value = fields[field];
    if (value === undefined || isTimeout(value)) continue;
    const allowed = `a number of milliseconds greater than 0 and at most ${MAX_TIMEOUT_MS}`;
    const given = typeof value === "number" ? String(value) : typeName(value);
    return { field, reason: "invalid_type", message: `given ${given}; allowed: ${allowed}` };
  }
  if (streams !== undefined && typeof streams !== "boolean") {
    return wrong("streams", streams, "true or false");
  }
  if (exposeHttp !== undefined && typeof exposeHttp !== "boolean") {
    return wrong("exposeHttp", exposeHttp, "true or false");
  }
  if (expose !== undefined && !isExposure(expose)) {
    return wrong("expose", expose, 'a list of names of pools, or "all"');
  }
  return metadata === undefined ? undefined : metadataProblem(metadata);
}

function wrong(field: string, given: unknown, allowed: string): InvalidField {
  const message = `given ${typeName(given)}; allowed: ${allowed}`;
  return { field, reason: "invalid_type", message };
}

function isTimeout(value: unknown): boolean {
  return typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS;
}

function isExposure(value: unknown): boolean {
  return value === "all" ||
    (Array.isArray(value) && value.every((it) => typeof it === "string" && it !== ""));
}

/** Returns true for a schema of zod 4, also of another copy of the package. */
function isSchema(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}

function isObjectSchema(value: unknown): boolean {
  return isSchema(value) && value._zod.def.type === "object";
}

function isGeneratorFunction(run: unknown): boolean {
  return GENERATORS.some((it) => typeof it === "function" && run instanceof it);
}

/** Returns the schema with a rule for unknown keys: it refuses them, unless it says otherwise. */
function closed(input: z.ZodObject): z.ZodType {
  const { def } = input._zod;
  // Not by `.strict()`, which schemas of zod/mini do not have.
  return def.catchall === undefined ? z.core.clone(input, { ...def, catchall: z.never() }) : input;
}

/** Returns a schema as JSON Schema: `input` as callers write it, `output` as they get it. */
function schemaOf(name: string, io: "input" | "output", schema: z.ZodType): JsonSchema {
  try {
    const { $schema: _, "~standard": __, ...json } = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
    }) as Record<string, unknown>;
    return json;
  } catch (error) {
    const message = `it has no JSON Schema (${messageOf(error)}); allowed: a schema that has one`;
    throw invalidTool(name, { field: io, reason: "unsupported_type", message });
  }
}
