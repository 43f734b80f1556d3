import { isRecord } from "../../../json/mod.ts";

/** A schema as tools declare it: JSON Schema 2020-12. */
export type Schema = Readonly<Record<string, unknown>>;

/** The values besides text that a cell of a column may stand for. */
export interface CellTypes {
  readonly integer: boolean;
  readonly number: boolean;
  readonly boolean: boolean;
  readonly null: boolean;
}

/** Returns the types of the cells of a column; undefined for text. */
export type TypesOf = (column: string) => CellTypes | undefined;

const WHOLE = /^-?(?:0|[1-9]\d*)$/;
const SIGNED = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** The references that are followed from one schema; a schema may refer to itself. */
const MAX_DEPTH = 8;

/**
 * Returns the types of columns for a tool with this schema of its arguments. Each column is an
 * argument, or a field of the argument `input` if that is given. A column whose schema takes text,
 * or says nothing, stays text.
 */
export function cellTypes(schema: Schema, input: string | undefined): TypesOf {
  const row = input === undefined ? schema : resolved(fieldOf(schema, input, schema), schema);
  return (column) => {
    const types = new Set<string>();
    gather(fieldOf(row, column, schema), schema, types, MAX_DEPTH);
    if (types.size === 0 || types.has("string")) return undefined;
    return {
      integer: types.has("integer"),
      number: types.has("number"),
      boolean: types.has("boolean"),
      null: types.has("null"),
    };
  };
}

/**
 * Returns the JSON of a cell: a number, `true`, `false`, or `null` for an empty cell, where the
 * types take it. Any other cell stays text, so that the tool refuses it by its name.
 */
export function cellJson(text: string, types: CellTypes): string {
  const cell = text.trim();
  if (cell === "") return types.null ? "null" : JSON.stringify(text);
  if (types.integer || types.number) {
    if (WHOLE.test(cell)) return cell;
    if (SIGNED.test(cell)) return String(BigInt(cell.replace("+", "")));
  }
  if (types.number && DECIMAL.test(cell)) {
    const number = Number(cell);
    if (Number.isFinite(number)) return JSON.stringify(number);
  }
  if (types.boolean && /^(?:true|false)$/i.test(cell)) return cell.toLowerCase();
  return JSON.stringify(text);
}

function fieldOf(schema: Schema | undefined, name: string, root: Schema): Schema | undefined {
  const { properties, additionalProperties } = resolved(schema, root) ?? {};
  if (isRecord(properties) && Object.hasOwn(properties, name)) return schemaOf(properties[name]);
  return schemaOf(additionalProperties);
}

function gather(
  given: Schema | undefined,
  root: Schema,
  types: Set<string>,
  depth: number,
): void {
  const schema = resolved(given, root);
  if (schema === undefined || depth === 0) {
    types.add("string");
    return;
  }
  const unions = [schema["anyOf"], schema["oneOf"]].filter((it) => Array.isArray(it)).flat();
  for (const it of unions) gather(schemaOf(it), root, types, depth - 1);
  const { type, enum: values } = schema;
  for (const it of [type].flat()) if (typeof it === "string") types.add(it);
  if (Array.isArray(values)) {
    for (const it of values) {
      types.add(it === null ? "null" : typeof it);
    }
  }
  const isOpen = unions.length === 0 && type === undefined && !Array.isArray(values);
  if (isOpen) types.add("string");
}

/** Follows references within the schema of the tool. */
function resolved(schema: Schema | undefined, root: Schema): Schema | undefined {
  let found = schema;
  for (let i = 0; i < MAX_DEPTH && typeof found?.["$ref"] === "string"; i++) {
    const path = found["$ref"].split("/");
    if (path[0] !== "#") return undefined;
    let node: unknown = root;
    for (const key of path.slice(1)) node = isRecord(node) ? node[key] : undefined;
    found = schemaOf(node);
  }
  return found;
}

function schemaOf(node: unknown): Schema | undefined {
  return isRecord(node) ? node : undefined;
}
