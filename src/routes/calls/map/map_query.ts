import {
  CALL_FIELDS,
  type CallField,
  type CallOptions,
  fieldIssue,
  invalidCall,
} from "../../../calls/mod.ts";
import type { FieldIssue } from "../../../errors.ts";
import { mapIssues, type MapOptions, MAX_BATCH_SIZE, MAX_WINDOW } from "../../../map/mod.ts";
import { suggestion } from "../../../near_names.ts";
import { CALL_PARAMETERS, readQuery } from "../upload/mod.ts";

/** The fields of a call that a map has, but for its tool. */
const { tool: _tool, args: _args, requestId: _header, ...CALL_OPTIONS } = CALL_FIELDS;

type Parameter = typeof CALL_PARAMETERS[number] | {
  readonly name: string;
  readonly in: "query";
  readonly required: boolean;
  readonly description: string;
  readonly schema: { readonly type: "boolean" };
};

/** The fields of a map in its query, in an OpenAPI document. */
export const MAP_PARAMETERS: Parameter[] = [
  ...CALL_PARAMETERS.filter(({ name }) => name === "tool" || Object.hasOwn(CALL_OPTIONS, name))
    .map((it) => it.name === "tool" ? { ...it, required: true } : it),
  {
    name: "window",
    in: "query" as const,
    required: false,
    description: "The most batches that are under way; default as many as the pool has places.",
    schema: { type: "integer" as const, minimum: 1, maximum: MAX_WINDOW },
  },
  {
    name: "batchSize",
    in: "query" as const,
    required: false,
    description: "The most items that travel to a worker together; default so many that it is " +
      "busy for about 20 ms.",
    schema: { type: "integer" as const, minimum: 1, maximum: MAX_BATCH_SIZE },
  },
  {
    name: "ordered",
    in: "query" as const,
    required: false,
    description: "False to get the lines as items end; default in the order of the items.",
    schema: { type: "boolean" as const },
  },
];

const KNOWN = MAP_PARAMETERS.map(({ name }) => name);

/** A map that a client asks for. */
export interface MapQuery {
  readonly tool: string;
  readonly options: Omit<MapOptions, keyof Pick<CallOptions, "signal">>;
}

/**
 * Returns the map that the query of an address asks for.
 *
 * @throws {InvalidInputError} `invalid_input`, naming every field that is wrong.
 */
export function readMapQuery(url: string): MapQuery {
  const { fields = {}, arg } = readQuery(url, 0) ?? {};
  const { tool, window, batchSize, ordered, ...call } = fields;
  const own = {
    ...(window === undefined ? {} : { window: numberIn(window) }),
    ...(batchSize === undefined ? {} : { batchSize: numberIn(batchSize) }),
    ...(ordered === undefined ? {} : { ordered: booleanIn(ordered) }),
  };
  const issues: FieldIssue[] = [];
  if (tool === undefined) {
    issues.push({ path: "tool", message: "missing; allowed: the name of a tool" });
  } else if (!CALL_FIELDS.tool.isValid(tool)) issues.push(fieldIssue("tool", tool));
  for (const [name, value] of Object.entries({ ...call, ...(arg === undefined ? {} : { arg }) })) {
    if (!isOption(name)) {
      issues.push({ path: name, message: `unknown key; ${suggestion(name, KNOWN)}` });
    } else if (!CALL_FIELDS[name].isValid(value)) issues.push(fieldIssue(name, value));
  }
  issues.push(...mapIssues(own as MapOptions));
  if (issues.length > 0) throw invalidCall(issues);
  return { tool: tool as string, options: { ...call, ...own } as MapQuery["options"] };
}

function isOption(name: string): name is Exclude<CallField, "tool" | "args" | "requestId"> {
  return Object.hasOwn(CALL_OPTIONS, name);
}

/** Returns the number in a text; other texts are left to the rules. */
function numberIn(text: unknown): unknown {
  return /^-?\d+(\.\d+)?(e\d+)?$/.test(String(text)) ? Number(text) : text;
}

function booleanIn(text: unknown): unknown {
  return text === "true" || text === "false" ? text === "true" : text;
}
