import { z } from "zod";
import type { FieldIssue } from "../errors.ts";
import { nearNames } from "../near_names.ts";
import type { KeyMeta } from "./schema_parts.ts";

/**
 * The source of each value that is not from the file or the program: by path, such as `port` ->
 * `SNAKEDEN_PORT`.
 */
export type Origins = ReadonlyMap<string, string>;

type Path = readonly PropertyKey[];
type Schema = z.core.$ZodType;

/** The input that was checked, and its schema, whose places have a {@link KeyMeta}. */
export interface CheckedInput {
  readonly schema: Schema;
  readonly input: unknown;
  readonly origins?: Origins;
}

/**
 * Describes the problems that zod found: each place once, with the value that was given and those
 * that are allowed.
 */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  checked: CheckedInput,
): FieldIssue[] {
  const found = new Map<string, FieldIssue>();
  for (const issue of issues) {
    for (const described of describe(issue, checked)) {
      if (!found.has(described.path)) found.set(described.path, described);
    }
  }
  return [...found.values()];
}

function describe(issue: z.core.$ZodIssue, checked: CheckedInput): FieldIssue[] {
  const { schema, input, origins } = checked;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      message: renamedKeyText(schema, key, issue.path) ?? unknownKeyText(key, known),
    }));
  }
  const inside = issue.code === "invalid_union" ? issuesInside(issue) : [];
  if (inside.length > 0) return inside.flatMap((it) => describe(it, checked));
  const path = pathText(issue.path);
  if (issue.code === "invalid_key") {
    const [key] = issue.path.slice(-1);
    const keys = metaAt(schema, issue.path.slice(0, -1))?.keys ?? "another name";
    return [{ path, message: `given the name ${JSON.stringify(key)}; allowed: ${keys}` }];
  }
  const meta = metaAt(schema, issue.path);
  const given = givenText(valueAt(input, issue.path), meta, origins?.get(path));
  return [{ path, message: `${given}; allowed: ${meta?.allowed ?? "a text"}` }];
}

/** Returns the issues of the form that the value has, when only parts of the value are wrong. */
function issuesInside({ errors, path }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] {
  const form = errors.find((issues) => issues.every((it) => it.path.length > 0)) ?? [];
  return form.map((it) => ({ ...it, path: [...path, ...it.path] }));
}

/** Names the new key if `key` is one of an earlier version. */
function renamedKeyText(schema: Schema, key: string, path: Path): string | undefined {
  const now = knownKeys(schema, path)
    .find((known) => metaAt(schema, [...path, known])?.formerly === key);
  return now === undefined ? undefined : `unknown key; it is now ${JSON.stringify(now)}`;
}

/** Suggests similar keys, or lists those that exist. */
function unknownKeyText(key: string, known: readonly string[]): string {
  const near = nearNames(key, known).map((it) => JSON.stringify(it));
  return near.length > 0
    ? `unknown key; did you mean ${near.join(" or ")}?`
    : `unknown key; the keys here are ${known.join(", ")}`;
}

function givenText(value: unknown, meta: KeyMeta | undefined, origin: string | undefined): string {
  if (value === undefined) return "missing";
  const shown = meta?.secret === true ? secretText(value) : shownValue(value);
  return `given ${shown}${origin === undefined ? "" : ` (from ${origin})`}`;
}

function secretText(value: unknown): string {
  return typeof value === "string"
    ? `a text of ${value.length} characters`
    : `a value of type ${typeOf(value)}`;
}

/** Shows a value as a file would have it; cuts a long one. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value));
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? `a list of ${value.length}` : "an object";
  }
  return typeof value === "function" ? "a function" : cut(String(value));
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

/** Writes a path such as `pools[0].size`. */
export function pathText(path: Path): string {
  return path.map((part, i) => {
    if (typeof part === "number") return `[${part}]`;
    return i === 0 ? String(part) : `.${String(part)}`;
  }).join("");
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (node, key) => typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined,
    input,
  );
}

function knownKeys(whole: Schema, path: Path): string[] {
  const schema = schemaAt(whole, path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Returns the description of a place, or of the nearest group around it. */
function metaAt(whole: Schema, path: Path): KeyMeta | undefined {
  for (let length = path.length; length > 0; length--) {
    const meta = metaOf(schemaAt(whole, path.slice(0, length)));
    if (meta !== undefined) return meta;
  }
  return metaOf(whole);
}

function schemaAt(whole: Schema, path: Path): Schema | undefined {
  let schema: Schema | undefined = whole;
  for (const key of path) {
    const given: Schema | undefined = schema && withoutDefault(schema);
    const node: Schema | undefined = given instanceof z.ZodUnion
      ? given.options.find((it) =>
        typeof key === "number" ? it instanceof z.ZodArray : it instanceof z.ZodObject
      )
      : given;
    if (node instanceof z.ZodObject) schema = node.shape[String(key)];
    else if (node instanceof z.ZodArray) schema = node.element;
    else if (node instanceof z.ZodRecord) schema = node.valueType;
    else return undefined;
  }
  return schema && withoutDefault(schema);
}

/** Returns the schema inside `.default()`, `.prefault()` and `.optional()`. */
export function withoutDefault(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  ) {
    return withoutDefault(schema.unwrap());
  }
  return schema;
}

/** Returns the description of a key. */
export function metaOf(schema: z.core.$ZodType | undefined): KeyMeta | undefined {
  if (schema === undefined) return undefined;
  return z.globalRegistry.get(withoutDefault(schema)) as KeyMeta | undefined;
}
