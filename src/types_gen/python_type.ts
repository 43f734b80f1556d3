import {
  isEndless,
  listOf,
  recordOf,
  type Reference,
  referenceOf,
  type RootSchema,
  type Schema,
} from "./json_schema.ts";
import type { Direction } from "./type_text.ts";

/** The place of a schema, and the way to name the classes that it refers to. */
export interface PythonContext {
  /** `args` for values that Python gives. */
  readonly direction: Direction;
  readonly root: RootSchema;
  /** The name for a class of the whole schema. */
  readonly rootName: string;
  /** Returns the name of the class of an object schema; `wanted` if it gets a name now. */
  classOf(schema: Schema, wanted: string, context: PythonContext): string;
}

/** Returns the Python hint of a schema. Classes in it get names that begin with `name`. */
export function pythonType(given: unknown, name: string, context: PythonContext): string {
  const schema = recordOf(given);
  const { definitions } = context.root;
  if (schema.$ref !== undefined) {
    const target = referenceOf(schema.$ref, definitions);
    return isEndless(target, context.root) ? "Any" : referred(target, name, context);
  }
  if ("const" in schema) return literal([schema.const]);
  if (Array.isArray(schema.enum)) return literal(schema.enum);
  const choices = [...listOf(schema.anyOf), ...listOf(schema.oneOf)];
  if (choices.length > 0) return joined(choices.map((it) => pythonType(it, name, context)));
  if (schema.allOf !== undefined) return "Any";
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return joined(types.map((type) => kindOf(type, schema, { name, context })));
}

function referred(target: Reference, name: string, context: PythonContext): string {
  const { schema, definitions } = context.root;
  if (target.kind !== "definition") {
    return isClass(schema) ? context.classOf(schema, context.rootName, context) : "Any";
  }
  const definition = recordOf(definitions[target.name]);
  if (isClass(definition)) return context.classOf(definition, target.name, context);
  // A type that is no class has no name in Python, and could not contain itself.
  return leadsTo(target.name, definitions) ? "Any" : pythonType(definition, name, context);
}

/** Returns true if a definition contains itself without a class between. */
function leadsTo(name: string, definitions: Schema): boolean {
  const seen = new Set<string>();
  const waiting: unknown[] = [definitions[name]];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (Array.isArray(node)) waiting.push(...node);
    const record = recordOf(node);
    const target = referenceOf(record.$ref, definitions);
    if (target.kind === "definition" && !isClass(recordOf(definitions[target.name]))) {
      if (target.name === name) return true;
      if (!seen.has(target.name)) waiting.push(definitions[target.name]);
      seen.add(target.name);
    }
    waiting.push(...Object.values(record).filter((it) => typeof it === "object" && it !== null));
  }
  return false;
}

/** Returns true for an object schema with known properties. */
export function isClass(schema: Schema): boolean {
  return schema.type === "object" && Object.keys(recordOf(schema.properties)).length > 0;
}

function kindOf(
  type: unknown,
  schema: Schema,
  { name, context }: { readonly name: string; readonly context: PythonContext },
): string {
  const isInput = context.direction === "args";
  switch (type) {
    case "null":
      return "None";
    case "boolean":
      return "bool";
    case "integer":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
    case "array": {
      const first = listOf(schema.prefixItems).map((it) => pythonType(it, name, context));
      if (first.length > 0 && isInput) return `tuple[${first.join(", ")}]`;
      const item = first.length > 0 ? joined(first) : pythonType(schema.items, name, context);
      return `${isInput ? "Sequence" : "list"}[${item}]`;
    }
    case "object": {
      if (isClass(schema)) return context.classOf(schema, name, context);
      const item = pythonType(schema.additionalProperties, name, context);
      return `${isInput ? "Mapping" : "dict"}[str, ${item}]`;
    }
    default:
      return "Any";
  }
}

function joined(types: readonly string[]): string {
  const members = [...new Set(types)];
  return members.includes("Any") || members.length === 0 ? "Any" : members.join(" | ");
}

/** Returns a Literal of the values, if Python can write them as one. */
function literal(values: readonly unknown[]): string {
  const texts = values.map((it) => {
    if (it === null) return "None";
    if (typeof it === "boolean") return it ? "True" : "False";
    if (typeof it === "string") return JSON.stringify(it);
    return Number.isSafeInteger(it) ? String(it) : undefined;
  });
  return texts.length === 0 || texts.includes(undefined) ? "Any" : `Literal[${texts.join(", ")}]`;
}
