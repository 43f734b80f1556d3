import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { shown } from "./shown.ts";
import { shapeOf, type Tensor } from "./tensor.ts";
import type { VariableType } from "./variable_types.ts";

/** Limits on the values of a variable. Each is for some types only. */
export interface Constraints {
  /** Smallest value of a `float` or `integer`. */
  readonly min?: number;
  /** Largest value of a `float` or `integer`. */
  readonly max?: number;
  /** Fewest characters of a `string`. */
  readonly minLength?: number;
  /** Most characters of a `string`. */
  readonly maxLength?: number;
  /** The values of a `choice`, which must name them. */
  readonly choices?: readonly string[];
  /** The length of each dimension of a `tensor`; null allows any length. */
  readonly shape?: readonly (number | null)[];
  /** The number of elements of an `embedding`. */
  readonly dimensions?: number;
  /** The names that a `module` may have. */
  readonly allowedModules?: readonly string[];
}

/** The most names or dimensions in a constraint. */
const MAX_ITEMS = 1_000;
const MAX_NAME_CHARS = 256;
/** The most issues that are listed, which is more than there are constraints. */
const MAX_ISSUES = 20;

const NAMES_OF_TYPE: Readonly<Record<VariableType, readonly (keyof Constraints)[]>> = {
  float: ["min", "max"],
  integer: ["min", "max"],
  string: ["minLength", "maxLength"],
  boolean: [],
  choice: ["choices"],
  json: [],
  tensor: ["shape"],
  embedding: ["dimensions"],
  module: ["allowedModules"],
};

interface Rule {
  readonly isValid: (it: unknown) => boolean;
  readonly allowed: string;
}

const NUMBER: Rule = { isValid: (it) => Number.isFinite(it), allowed: "a finite number" };
const LENGTH: Rule = { isValid: isLength, allowed: "a whole number from 0 on" };
const NAMES: Rule = {
  isValid: (it) =>
    isListOf(it, (name) => typeof name === "string" && name.length <= MAX_NAME_CHARS) &&
    it.length > 0,
  allowed: `a list of 1 to ${MAX_ITEMS} texts of at most ${MAX_NAME_CHARS} characters`,
};

const RULES: Readonly<Record<keyof Constraints, Rule>> = {
  min: NUMBER,
  max: NUMBER,
  minLength: LENGTH,
  maxLength: LENGTH,
  choices: NAMES,
  shape: {
    isValid: (it) => isListOf(it, (length) => length === null || isLength(length), 32),
    allowed: "a list of up to 32 whole numbers, with null for any length",
  },
  dimensions: LENGTH,
  allowedModules: NAMES,
};

function isLength(it: unknown): boolean {
  return typeof it === "number" && Number.isSafeInteger(it) && it >= 0;
}

function isListOf(
  it: unknown,
  isItem: (item: unknown) => boolean,
  most = MAX_ITEMS,
): it is unknown[] {
  return Array.isArray(it) && it.length <= most && it.every(isItem);
}

/** Returns what is wrong with the constraints of a variable of this type. */
export function constraintIssues(type: VariableType, constraints: unknown): FieldIssue[] {
  if (!isRecord(constraints)) {
    return [{ path: "constraints", message: `given ${shown(constraints)}; allowed: an object` }];
  }
  const names = NAMES_OF_TYPE[type];
  const entries = Object.entries(constraints).slice(0, MAX_ISSUES);
  const issues = entries.flatMap(([name, value]): FieldIssue[] => {
    const path = `constraints.${name}`;
    const known = names.find((it) => it === name);
    if (known === undefined) {
      const hint = names.length === 0 ? "it takes none" : suggestion(name, names);
      return [{ path, message: `no constraint of the type ${type}; ${hint}` }];
    }
    const { isValid, allowed } = RULES[known];
    return isValid(value) ? [] : [{ path, message: `given ${shown(value)}; allowed: ${allowed}` }];
  });
  return issues.length > 0 ? issues : rangeIssues(type, constraints);
}

/** Returns what is wrong with valid constraints together. */
function rangeIssues(type: VariableType, constraints: Constraints): FieldIssue[] {
  const { min, max, minLength, maxLength, choices } = constraints;
  const above = (low = -Infinity, high = Infinity): boolean => low > high;
  if (above(min, max)) return [orderIssue("min", min, `max, ${max}`)];
  if (above(minLength, maxLength)) {
    return [orderIssue("minLength", minLength, `maxLength, ${maxLength}`)];
  }
  if (type !== "choice" || choices !== undefined) return [];
  return [{ path: "constraints.choices", message: `missing; allowed: ${NAMES.allowed}` }];
}

function orderIssue(name: string, given: unknown, most: string): FieldIssue {
  return {
    path: `constraints.${name}`,
    message: `given ${shown(given)}; allowed: at most ${most}`,
  };
}

/** Returns the rule of valid constraints that a value of this type breaks, if there is one. */
export function brokenConstraint(
  type: VariableType,
  value: unknown,
  constraints: Constraints,
): string | undefined {
  switch (type) {
    case "float":
    case "integer":
      return outOfRange(value as number | bigint, constraints);
    case "string":
      return wrongLength(value as string, constraints);
    case "choice":
      return notIn(value as string, constraints.choices, "choices");
    case "module":
      return notIn(value as string, constraints.allowedModules, "allowedModules");
    case "tensor":
      return wrongShape(shapeOf(value as Tensor), constraints.shape);
    case "embedding":
      return wrongDimensions(shapeOf(value as Tensor), constraints.dimensions);
    case "boolean":
    case "json":
      return undefined;
  }
}

/** Every comparison with NaN is false, so it is out of every range. */
function outOfRange(value: number | bigint, { min, max }: Constraints): string | undefined {
  if (min !== undefined && !(value >= min)) return `at least ${min} (min)`;
  if (max !== undefined && !(value <= max)) return `at most ${max} (max)`;
  return undefined;
}

function wrongLength(value: string, { minLength, maxLength }: Constraints): string | undefined {
  if (minLength === undefined && maxLength === undefined) return undefined;
  const length = characters(value);
  if (minLength !== undefined && length < minLength) {
    return `at least ${minLength} characters (minLength); it has ${length}`;
  }
  if (maxLength !== undefined && length > maxLength) {
    return `at most ${maxLength} characters (maxLength); it has ${length}`;
  }
  return undefined;
}

/** Counts characters as Python does: a surrogate pair is one. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function notIn(
  value: string,
  names: readonly string[] | undefined,
  limit: string,
): string | undefined {
  if (names === undefined || names.includes(value)) return undefined;
  const some = names.slice(0, 10).map((it) => JSON.stringify(it)).join(", ");
  return `${some}${names.length > 10 ? ` and ${names.length - 10} more` : ""} (${limit})`;
}

function wrongShape(
  shape: readonly number[],
  wanted: Constraints["shape"],
): string | undefined {
  if (wanted === undefined) return undefined;
  const fits = shape.length === wanted.length &&
    wanted.every((length, i) => length === null || length === shape[i]);
  const text = wanted.map((it) => it ?? "any").join(", ");
  return fits ? undefined : `the shape [${text}] (shape); it has [${shape.join(", ")}]`;
}

function wrongDimensions(
  [length = 0]: readonly number[],
  dimensions: number | undefined,
): string | undefined {
  if (dimensions === undefined || length === dimensions) return undefined;
  return `${dimensions} numbers (dimensions); it has ${length}`;
}
