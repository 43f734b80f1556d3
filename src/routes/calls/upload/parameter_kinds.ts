import type { FieldIssue } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { suggestion } from "../../../near_names.ts";

/**
 * The kind of values that a parameter takes, which decides how a part of a form is read. A `list`
 * takes several parts, each of the kind of its items.
 */
export type ParameterKind = "bytes" | "text" | "json" | "array" | "list" | "any";

/** The key in the schema of a parameter that takes an input stream. Twin of input_part.py. */
const INPUT_KEY = "x-snakeden-input";

/** The parameters of a tool, by its JSON Schema. */
export class ParameterKinds {
  readonly #schema: Readonly<Record<string, unknown>>;

  constructor(schema: Readonly<Record<string, unknown>> = {}) {
    this.#schema = schema;
  }

  /** Returns the kind of a parameter; `any` for one that is not declared. */
  of(name: string): ParameterKind {
    return this.#kindOf(this.#parameters[name]);
  }

  /** Returns the kind of the items of a `list`. */
  itemsOf(name: string): ParameterKind {
    const list = this.#formsOf(this.#parameters[name]).find(({ type }) => type === "array");
    const kind = this.#kindOf(list?.["items"]);
    return kind === "list" ? "json" : kind;
  }

  /** Returns the names of the parameters that take bytes. */
  get ofBytes(): string[] {
    return Object.keys(this.#parameters).filter((it) => this.of(it) === "bytes");
  }

  /** Returns the names of the parameters whose hints say that they take an input stream. */
  get ofInput(): string[] {
    const takes = (name: string): boolean =>
      this.#formsOf(this.#parameters[name]).some((it) => it[INPUT_KEY] === true);
    return Object.keys(this.#parameters).filter(takes);
  }

  /** Returns true if a parameter may get an input stream: its hint says so, or it has none. */
  takesInput(name: string): boolean {
    if (this.ofInput.includes(name)) return true;
    return this.of(name) === "any" && this.issuesOf([name]).length === 0;
  }

  /** Returns an issue for each of these names that the tool does not take. */
  issuesOf(names: Iterable<string>): FieldIssue[] {
    const known = Object.keys(this.#parameters);
    if (this.#schema["additionalProperties"] !== false) return [];
    return [...names].filter((name) => !known.includes(name)).map((name) => ({
      path: `args.${name}`,
      message: `is not an argument of the tool; ${suggestion(name, known)}`,
    }));
  }

  get #parameters(): Readonly<Record<string, unknown>> {
    const { properties } = this.#schema;
    return isRecord(properties) ? properties : {};
  }

  #kindOf(schema: unknown): ParameterKind {
    const forms = this.#formsOf(schema);
    if (forms.some((it) => it["contentEncoding"] === "base64")) return "bytes";
    if (forms.some(({ title }) => title === "ndarray")) return "array";
    const types = forms.flatMap(typesOf);
    if (types.length === 0 || types.includes("string")) return types.length === 0 ? "any" : "text";
    return types.includes("array") ? "list" : "json";
  }

  /** Returns the alternatives of a schema, with references resolved. */
  #formsOf(schema: unknown, depth = 0): Readonly<Record<string, unknown>>[] {
    if (!isRecord(schema) || depth > 8) return [];
    const { $ref: ref, anyOf, oneOf, allOf } = schema;
    const inner = [anyOf, oneOf, allOf].flatMap((it) => Array.isArray(it) ? it : []);
    if (typeof ref === "string") {
      const definitions = this.#schema["$defs"];
      const name = ref.replace(/^#\/\$defs\//, "");
      inner.push(isRecord(definitions) ? definitions[name] : undefined);
    }
    return [schema, ...inner.flatMap((it) => this.#formsOf(it, depth + 1))];
  }
}

function typesOf(
  { type, enum: values, const: value }: Readonly<Record<string, unknown>>,
): unknown[] {
  if (type !== undefined) return Array.isArray(type) ? type : [type];
  const constants = Array.isArray(values) ? values : value === undefined ? [] : [value];
  return constants.map((it) => typeof it === "string" ? "string" : "json");
}
