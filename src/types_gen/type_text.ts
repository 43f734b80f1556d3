import { docComment } from "./doc_comment.ts";
import {
  isBytes,
  isEndless,
  isFile,
  isNdArray,
  listOf,
  recordOf,
  type Reference,
  referenceOf,
  type RootSchema,
  type Schema,
} from "./json_schema.ts";

/** The direction of a value: arguments go to Python, results come from there. */
export type Direction = "args" | "result";

/** The types of a generated file that do not come from a schema. */
export type HelperType = "ArrayInput" | "ArrayOutput" | "BytesInput" | "FileInput" | "FileOutput";

/** The place of a schema, and the way to name the types that it refers to. */
export interface TypeContext {
  readonly direction: Direction;
  readonly root: RootSchema;
  /** Returns the name of the type of a definition or of the root. */
  nameOf(reference: Reference): string;
  /** Returns the name of the type of a class that is described in its place. */
  nameOfClass(title: string, schema: Schema): string;
  /** Called for each helper type that the text uses. */
  onHelper(name: HelperType): void;
}

/** The length of lines above which members or parameters get lines of their own. */
export const MAX_LINE = 100;

/** Returns the type of a schema on one line. */
export function typeText(schema: unknown, context: TypeContext): string {
  return membersOf(schema, context).join(" | ");
}

/**
 * Returns the declaration of an exported type: an interface for an object with known properties,
 * else an alias.
 */
export function declarationText(name: string, schema: Schema, context: TypeContext): string {
  const comment = docComment({ ...schema, default: undefined });
  if (isPlainObject(schema) && Object.keys(recordOf(schema.properties)).length > 0) {
    return `${comment}export interface ${name} {\n${propertyLines(schema, context)}}\n`;
  }
  return `${comment}${wrapped(`export type ${name} =`, membersOf(schema, context), "")}`;
}

/** Writes a type after `head`, with one member a line if it is long. */
function wrapped(head: string, members: readonly string[], indent: string): string {
  const line = `${indent}${head} ${members.join(" | ")};\n`;
  if (line.length <= MAX_LINE + 1 || members.length === 1) return line;
  return `${indent}${head}\n${members.map((it) => `${indent}  | ${it}`).join("\n")};\n`;
}

/** Returns true for an object schema that an interface can express. */
function isPlainObject(schema: Schema): boolean {
  return schema.type === "object" && schema.$ref === undefined && schema.anyOf === undefined &&
    schema.oneOf === undefined && schema.allOf === undefined && schema.enum === undefined &&
    schema.const === undefined && !isBytes(schema) && !isFile(schema) && !isNdArray(schema);
}

/** Returns the members of the union that a schema allows; one member for most. */
function membersOf(given: unknown, context: TypeContext): string[] {
  if (given === false) return ["never"];
  const schema = recordOf(given);
  const { direction, onHelper } = context;
  if (schema["x-snakeden-input"] === true) return inputMembers(schema, context);
  if (schema.$ref !== undefined) {
    const target = referenceOf(schema.$ref, context.root.definitions);
    return [isEndless(target, context.root) ? "unknown" : context.nameOf(target)];
  }
  if (isBytes(schema)) {
    if (direction === "result") return ["Uint8Array"];
    onHelper("BytesInput");
    return ["BytesInput"];
  }
  if (isFile(schema)) {
    const name = direction === "args" ? "FileInput" : "FileOutput";
    onHelper(name);
    return [name];
  }
  if (isNdArray(schema)) {
    const name = direction === "args" ? "ArrayInput" : "ArrayOutput";
    onHelper(name);
    return [name];
  }
  if ("const" in schema) return literalMembers(schema.const);
  if (Array.isArray(schema.enum)) return united(schema.enum.map(literalMembers));
  const choices = [...listOf(schema.anyOf), ...listOf(schema.oneOf)];
  if (choices.length > 0) return united(choices.map((it) => membersOf(it, context)));
  const parts = listOf(schema.allOf);
  if (parts.length > 0) return [parts.map((it) => `(${typeText(it, context)})`).join(" & ")];
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? impliedType(schema)];
  return united(types.map((type) => kindMembers(type, schema, context)));
}

/** Returns the type that the keys of a schema without `type` imply. */
function impliedType(schema: Schema): string | undefined {
  if (schema.properties !== undefined) return "object";
  if (schema.items !== undefined || schema.prefixItems !== undefined) return "array";
  return undefined;
}

function kindMembers(type: unknown, schema: Schema, context: TypeContext): string[] {
  switch (type) {
    case "null":
    case "boolean":
    case "number":
      return [type];
    case "integer":
      return context.direction === "args" || isBeyondNumber(schema)
        ? ["number", "bigint"]
        : ["number"];
    case "string":
      return textMembers(schema, context);
    case "array":
      return arrayMembers(schema, context);
    case "object":
      return [objectText(schema, context)];
    default:
      return ["unknown"];
  }
}

/** Returns true if the bounds name an integer that arrives as a bigint. */
function isBeyondNumber(schema: Schema): boolean {
  return ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].some((key) => {
    const bound = schema[key];
    return typeof bound === "number" && Math.abs(bound) > Number.MAX_SAFE_INTEGER;
  });
}

function textMembers({ format }: Schema, { direction, onHelper }: TypeContext): string[] {
  if (direction === "result") return ["string"];
  if (format === "date-time") return ["string", "Date"];
  if (format !== "binary") return ["string"];
  onHelper("BytesInput");
  return ["string", "BytesInput"];
}

/** Returns the types of the iterables that an input stream is made from. */
function inputMembers(schema: Schema, context: TypeContext): string[] {
  const item = typeText(schema.items ?? {}, context);
  return [`AsyncIterable<${item}>`, `Iterable<${item}>`];
}

function arrayMembers(schema: Schema, context: TypeContext): string[] {
  const isInput = context.direction === "args";
  const tuple = tupleText(schema, context);
  if (tuple !== undefined) return [isInput ? `readonly ${tuple}` : tuple];
  const item = typeText(schema.items ?? {}, context);
  const isName = /^\w+$/.test(item);
  if (!isInput) return [isName ? `${item}[]` : `Array<${item}>`];
  const list = isName ? `readonly ${item}[]` : `ReadonlyArray<${item}>`;
  return schema.uniqueItems === true ? [list, `ReadonlySet<${item}>`] : [list];
}

/** Returns the tuple of an array whose items have types of their own; undefined for a list. */
function tupleText(schema: Schema, context: TypeContext): string | undefined {
  const { minItems, maxItems } = schema;
  if (maxItems === 0) return "[]";
  const first = listOf(schema.prefixItems);
  if (first.length === 0) return undefined;
  const required = typeof minItems === "number" ? minItems : 0;
  const items = first.map((it, i) => {
    const members = membersOf(it, context);
    const text = members.join(" | ");
    if (i < required) return text;
    return /^\w+$/.test(text) ? `${text}?` : `(${text})?`;
  });
  const isClosed = schema.items === false || maxItems === first.length;
  // Not Array, since the argument of a spread type may not contain its alias.
  if (!isClosed) items.push(`...(${typeText(schema.items ?? {}, context)})[]`);
  return `[${items.join(", ")}]`;
}

function objectText(schema: Schema, context: TypeContext): string {
  const properties = Object.entries(recordOf(schema.properties));
  if (properties.length === 0) {
    const isClosed = schema.additionalProperties === false;
    const item = isClosed ? "never" : typeText(schema.additionalProperties ?? {}, context);
    // Not Record, since an alias may not contain itself as its argument.
    return `{ ${context.direction === "args" ? "readonly " : ""}[key: string]: ${item} }`;
  }
  // Only classes have a title: that of a property is on values without properties.
  const { title } = schema;
  if (typeof title === "string" && isPlainObject(schema)) return context.nameOfClass(title, schema);
  const fields = properties.map(([key, it]) => propertyText(key, it, schema, context));
  return `{ ${[...fields, ...indexText(schema, context)].join("; ")} }`;
}

/** Returns the lines of an interface, each property with its comment. */
function propertyLines(schema: Schema, context: TypeContext): string {
  const lines = Object.entries(recordOf(schema.properties)).map(([key, it]) =>
    docComment(recordOf(it), "  ") +
    wrapped(`${propertyHead(key, schema)}:`, propertyMembers(key, it, schema, context), "  ")
  );
  return [...lines, ...indexText(schema, context).map((it) => `  ${it};\n`)].join("");
}

function propertyText(key: string, it: unknown, schema: Schema, context: TypeContext): string {
  const members = propertyMembers(key, it, schema, context);
  return `${propertyHead(key, schema)}: ${members.join(" | ")}`;
}

function propertyHead(key: string, schema: Schema): string {
  return `${propertyName(key)}${isRequired(key, schema) ? "" : "?"}`;
}

/** Returns the type of a property. An argument that is undefined counts as one that is left out. */
function propertyMembers(
  key: string,
  it: unknown,
  schema: Schema,
  context: TypeContext,
): string[] {
  const members = membersOf(it, context);
  const isLeftOut = context.direction === "args" && !isRequired(key, schema);
  return isLeftOut && members[0] !== "unknown" ? [...members, "undefined"] : members;
}

function isRequired(key: string, schema: Schema): boolean {
  return listOf(schema.required).includes(key);
}

/**
 * Returns the index signature of an object that takes more properties than it names. TypeScript
 * wants it to fit the named ones, too.
 */
function indexText(schema: Schema, context: TypeContext): string[] {
  const { additionalProperties: more } = schema;
  if (more === undefined || more === false) return [];
  const named = Object.entries(recordOf(schema.properties)).flatMap(([key, it]) => [
    propertyMembers(key, it, schema, context),
    isRequired(key, schema) ? [] : ["undefined"],
  ]);
  return [`[key: string]: ${united([membersOf(more, context), ...named]).join(" | ")}`];
}

/** Returns a property name as code: quoted unless it is an ASCII identifier. */
export function propertyName(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

function literalMembers(value: unknown): string[] {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return ["number"];
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) return ["number", "bigint"];
    return [JSON.stringify(value)];
  }
  if (Array.isArray(value)) {
    return [`readonly [${value.map((it) => literalMembers(it).join(" | ")).join(", ")}]`];
  }
  if (typeof value === "object" && value !== null) return ["Readonly<Record<string, unknown>>"];
  return [JSON.stringify(value) ?? "unknown"];
}

/** Joins unions: each member once, `null` last. Nothing is left beside `unknown`. */
function united(unions: readonly (readonly string[])[]): string[] {
  const members = new Set(unions.flat());
  if (members.has("unknown")) return ["unknown"];
  if (members.size > 1) members.delete("never");
  for (const last of ["null", "undefined"]) if (members.delete(last)) members.add(last);
  return members.size === 0 ? ["never"] : [...members];
}
