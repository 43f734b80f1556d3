import { CALL_FIELDS, invalidCall } from "../../../calls/mod.ts";
import type { FieldIssue } from "../../../errors.ts";
import { parseJson } from "../../http/mod.ts";

/** The fields of a call that stand in the query of its request. */
export interface CallQuery {
  /** The fields by name, still unchecked. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The argument that the body is, if the query names one. */
  readonly arg: string | undefined;
}

/** Fields whose text is a number or a boolean. */
const TYPED: ReadonlySet<unknown> = new Set(["number", "integer", "boolean"]);

const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/**
 * Returns the fields in the query of an address; undefined if it has none.
 *
 * @throws {InvalidInputError} `invalid_input` for a field that is given twice, and for `args` that
 * are not JSON.
 */
export function readQuery(url: string, maxDepth: number): CallQuery | undefined {
  const start = url.indexOf("?");
  if (start < 0) return undefined;
  const fields: Record<string, unknown> = {};
  const issues: FieldIssue[] = [];
  let arg: string | undefined;
  for (const [name, text] of new URLSearchParams(url.slice(start))) {
    if (Object.hasOwn(fields, name) || (name === "arg" && arg !== undefined)) {
      issues.push({ path: name, message: "given twice in the query" });
    } else if (name === "arg") arg = text;
    else fields[name] = name === "args" ? parseJson(text, name, maxDepth) : typed(name, text);
    if (issues.length > 0) throw invalidCall(issues);
  }
  return { fields, arg };
}

/** Returns the value that the text stands for; text that stands for none is left to the rules. */
function typed(name: string, text: string): unknown {
  const rule = Object.hasOwn(CALL_FIELDS, name)
    ? CALL_FIELDS[name as keyof typeof CALL_FIELDS]
    : undefined;
  if (rule === undefined || !TYPED.has(rule.schema["type"])) return text;
  if (text === "true" || text === "false") return text === "true";
  return NUMBER.test(text) ? Number(text) : text;
}
