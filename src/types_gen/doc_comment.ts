import type { Schema } from "./json_schema.ts";

const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;
/** Control characters, and marks that reorder what a reader sees. */
const INVISIBLE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** The keys of a schema that a type cannot say, in the order in which comments name them. */
const TOLD = [
  "minimum",
  "exclusiveMinimum",
  "maximum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "default",
] as const;
/** The longest value that a comment shows. */
const MAX_SHOWN = 200;

/** Returns the lines of a text, without what would break a comment. */
export function plainLines(text: string): string[] {
  const lines = text.trim().split(LINE_BREAK).map((it) => it.replace(INVISIBLE, " ").trimEnd());
  return lines.filter((it, i) => it !== "" || lines[i - 1] !== "");
}

/**
 * Returns a doc comment with the description of a schema and what its type cannot say, with a line
 * break at the end; an empty text if there is nothing to say.
 */
export function docComment(schema: Schema, indent = ""): string {
  const { description } = schema;
  const text = typeof description === "string" && description.trim() !== ""
    ? plainLines(description)
    : [];
  const isTuple = schema.prefixItems !== undefined || schema.maxItems === 0;
  const tags = TOLD.flatMap((key) => {
    if (schema[key] === undefined || (isTuple && key.endsWith("Items"))) return [];
    const shown = JSON.stringify(schema[key]);
    return shown.length > MAX_SHOWN ? [] : plainLines(`@${key} ${shown}`);
  });
  if (schema.deprecated === true) tags.unshift("@deprecated");
  const lines = [...text, ...(text.length > 0 && tags.length > 0 ? [""] : []), ...tags]
    // A comment must not end early.
    .map((it) => it.replaceAll("*/", "*\\/"));
  const [only = ""] = lines;
  if (lines.length === 0) return "";
  if (lines.length === 1 && !only.endsWith("*")) return `${indent}/** ${only} */\n`;
  const body = lines.map((it) => `${indent} * ${it}`.trimEnd());
  return `${indent}/**\n${body.join("\n")}\n${indent} */\n`;
}
