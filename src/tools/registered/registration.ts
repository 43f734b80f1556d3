import type { Tool, Value } from "../../bridge/mod.ts";
import { shownValue } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { toolNameIssue } from "../tool_name.ts";

/** The most tools of one request. */
const MAX_TOOLS = 1_000;
/** The most characters of a description, and of a schema. */
const MAX_CHARACTERS = 262_144;
/** The most levels of a schema. Those who list tools write it again, level by level. */
const MAX_SCHEMA_LEVELS = 100;
/** The longest deadline of a call: a day. Twin of src/calls/call_fields.ts. */
const MAX_TIMEOUT_MS = 86_400_000;
/** Twin of tool.py; empty for a tool that declares no type. */
const MEDIA_TYPE = /^([a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63})?$/;

/** Tools that a worker wants to register. */
export interface Registration {
  readonly tools: readonly Tool[];
  /** True if only the session of the call is to see them. */
  readonly session: boolean;
}

/** Names of tools that a worker wants to end. */
export interface Unregistration {
  readonly names: readonly string[];
  readonly session: boolean;
}

/**
 * Reads the arguments of `tools.register`, which come from Python and may be anything.
 *
 * @throws {SnakedenError} `invalid_tool`, naming the first field that is wrong.
 */
export function registrationOf(args: Value): Registration {
  const given = args.decode();
  const { tools, session } = isRecord(given) ? given : {};
  if (!Array.isArray(tools) || tools.length === 0 || tools.length > MAX_TOOLS) {
    const allowed = `a list of 1 to ${MAX_TOOLS} tools`;
    throw invalidTool("tools", `given ${shownValue(tools)}; allowed: ${allowed}`);
  }
  return { tools: tools.map(toolOf), session: flagOf(session, "session") };
}

/**
 * Reads the arguments of `tools.unregister`.
 *
 * @throws {SnakedenError} `invalid_tool`.
 */
export function unregistrationOf(args: Value): Unregistration {
  const given = args.decode();
  const { names, session } = isRecord(given) ? given : {};
  const areNames = Array.isArray(names) && names.length <= MAX_TOOLS &&
    names.every((it) => typeof it === "string");
  if (!areNames) {
    const allowed = `a list of at most ${MAX_TOOLS} names`;
    throw invalidTool("names", `given ${shownValue(names)}; allowed: ${allowed}`);
  }
  return { names, session: flagOf(session, "session") };
}

function toolOf(tool: unknown, index: number): Tool {
  const at = `tools[${index}]`;
  if (!isRecord(tool)) throw invalidTool(at, `given ${shownValue(tool)}; allowed: an object`);
  const { name, mediaType = "" } = tool;
  const issue = toolNameIssue(name);
  if (issue !== undefined) throw invalidTool(`${at}.name`, issue.message);
  if (typeof mediaType !== "string" || !MEDIA_TYPE.test(mediaType)) {
    const allowed = 'a type and a subtype, such as "image/png"';
    throw invalidTool(`${at}.mediaType`, `given ${shownValue(mediaType)}; allowed: ${allowed}`);
  }
  return {
    name: name as string,
    description: textOf(tool.description ?? "", `${at}.description`),
    inputSchema: schemaOf(tool.inputSchema, `${at}.inputSchema`),
    outputSchema: tool.outputSchema === "" ? "" : schemaOf(
      tool.outputSchema,
      `${at}.outputSchema`,
    ),
    streams: flagOf(tool.streams, `${at}.streams`),
    idempotent: flagOf(tool.idempotent, `${at}.idempotent`),
    timeoutMs: timeOf(tool.timeoutMs ?? 0, `${at}.timeoutMs`),
    stallTimeoutMs: timeOf(tool.stallTimeoutMs ?? 0, `${at}.stallTimeoutMs`),
    mediaType,
  };
}

function timeOf(time: unknown, path: string): number {
  if (typeof time === "number" && time >= 0 && time <= MAX_TIMEOUT_MS) return time;
  const allowed = `a number from 0 to ${MAX_TIMEOUT_MS}`;
  throw invalidTool(path, `given ${shownValue(time)}; allowed: ${allowed}`);
}

function textOf(text: unknown, path: string): string {
  if (typeof text === "string" && text.length <= MAX_CHARACTERS) return text;
  const given = typeof text === "string" ? `${text.length} characters` : shownValue(text);
  throw invalidTool(path, `given ${given}; allowed: a text of at most ${MAX_CHARACTERS}`);
}

/** Returns the JSON of a schema. Those who list tools parse it. */
function schemaOf(schema: unknown, path: string): string {
  const text = textOf(schema, path);
  try {
    const parsed: unknown = JSON.parse(text);
    if (isRecord(parsed) && !isDeeper(parsed, MAX_SCHEMA_LEVELS)) return text;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const allowed = `the JSON text of an object with at most ${MAX_SCHEMA_LEVELS} levels`;
  throw invalidTool(path, `given ${shownValue(text)}; allowed: ${allowed}`);
}

/** Returns true if a value is nested deeper than `levels`. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((it) => isDeeper(it, levels - 1));
}

function flagOf(flag: unknown, path: string): boolean {
  if (typeof flag === "boolean") return flag;
  throw invalidTool(path, `given ${shownValue(flag)}; allowed: true or false`);
}

function invalidTool(path: string, problem: string): SnakedenError {
  return new SnakedenError("invalid_tool", `Cannot register the tool: ${path}: ${problem}`, {
    details: { issues: [{ path, message: problem }] },
  });
}
