import { type RawBytes, TextValue, Value } from "../../bridge/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import { brokenConstraint, constraintIssues, type Constraints } from "./constraints.ts";
import { shown } from "./shown.ts";
import {
  inferType,
  isVariableType,
  typedValue,
  VARIABLE_TYPES,
  type VariableType,
} from "./variable_types.ts";

/** The type of a variable, and the limits on its values. */
export interface VariableRules {
  readonly type: VariableType;
  readonly constraints?: Constraints | undefined;
}

/** The rules that a write asks for, still unchecked. */
export interface AskedRules {
  readonly type?: unknown;
  readonly constraints?: unknown;
}

/** A value that its variable takes. */
export interface CheckedValue extends VariableRules {
  readonly encoded: Value;
}

/** Options of {@link checkedValue}. */
export interface CheckOptions {
  readonly asked: AskedRules;
  /** The rules of the variable as it is; absent if there is none. */
  readonly before: VariableRules | undefined;
  /** The deepest nesting that is allowed. */
  readonly maxDepth: number;
}

/**
 * Checks a value for a variable, and encodes it. Rules that the write does not name are those that
 * the variable has, or follow from the value if there is no variable yet.
 *
 * @throws {InvalidInputError} `invalid_variable` naming the field and its limit.
 */
export function checkedValue(
  name: string,
  given: unknown,
  { asked, before, maxDepth }: CheckOptions,
): CheckedValue {
  const { type, constraints } = rulesOf(name, given, { asked, before });
  const rules = constraints === undefined ? { type } : { type, constraints };
  if (type === "json") return { ...rules, encoded: encode(name, given, maxDepth) };
  const shape = given instanceof Value ? given.raw?.shape : undefined;
  if (given instanceof Value && shape !== undefined && isTensorType(type, shape)) {
    // The shape is enough to check it, so a large array is not copied.
    const allowed = constraints && brokenConstraint(type, { shape }, constraints);
    if (allowed !== undefined) {
      const message = `given an array of shape [${shape.join(", ")}]; allowed: ${allowed}`;
      throw refusedVariable(name, [{ path: "value", message }]);
    }
    return { ...rules, encoded: given };
  }
  const plain = given instanceof Value ? given.decode() : given;
  const typed = typedValue(type, plain);
  if (!typed.fits) {
    const hint = asked.type === undefined && before !== undefined
      ? `; the variable has the type ${type}, which a write with another type replaces`
      : "";
    throw refusedVariable(name, [valueIssue(plain, `${typed.allowed} (type ${type})${hint}`)]);
  }
  const { value } = typed;
  const allowed = constraints && brokenConstraint(type, value, constraints);
  if (allowed !== undefined) throw refusedVariable(name, [valueIssue(plain, allowed)]);
  return { ...rules, encoded: encode(name, value, maxDepth) };
}

/** The text of an error for a value that cannot be encoded: its place, and what is wrong. */
const UNSENDABLE = /^Cannot send (value\S*): (.*)$/s;

/** The characters with which an object and a list begin. */
const OBJECT = 0x7b;
const LIST = 0x5b;
/** The longest JSON text of a value that is no tree: a tag of an array or of bytes. */
const MAX_LEAF_CHARS = 1_024;

/** Returns true if an array of this shape is a value of the type. */
function isTensorType(type: VariableType, shape: readonly number[]): boolean {
  return type === "tensor" || (type === "embedding" && shape.length === 1);
}

/** Does the same as {@link inferType} for bytes and arrays that are encoded. */
function inferRaw({ dtype, shape = [] }: RawBytes): VariableType {
  const isBytes = dtype === undefined || (dtype === "|u1" && shape.length === 1);
  return isBytes ? "json" : "tensor";
}

/** The characters that JSON has in floats only. */
const FLOAT_MARK = /[.eE]/;

/**
 * Returns the type of a variable that is set for the first time without one. Does not decode a
 * large tree that is encoded already. A number that Python wrote as a float, such as 1.0, is one.
 */
function typeOf(given: unknown): VariableType {
  if (!(given instanceof Value)) return inferType(given);
  const { content, raw } = given;
  if (raw !== undefined) return inferRaw(raw);
  const [length, first] = content instanceof TextValue
    ? [content.text.length, content.text.charCodeAt(0)]
    : [content.json.byteLength, content.json[0]];
  const isTree = first === OBJECT || first === LIST;
  if (isTree && length > MAX_LEAF_CHARS) return "json";
  const decoded = given.decode();
  const isFloat = typeof decoded === "number" && FLOAT_MARK.test(given.jsonText());
  return isFloat ? "float" : inferType(decoded);
}

function encode(name: string, value: unknown, maxDepth: number): Value {
  if (value instanceof Value) return value;
  try {
    return Value.from(value, { maxDepth, name: "value" });
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    // It begins "Cannot send", although nothing is being sent.
    const [, path = "value", message = error.message] = UNSENDABLE.exec(error.message) ?? [];
    throw refusedVariable(name, [{ path, message }]);
  }
}

function rulesOf(
  name: string,
  given: unknown,
  { asked, before }: { readonly asked: AskedRules; readonly before: VariableRules | undefined },
): VariableRules {
  // Null is a value like any other one, and a wrong one.
  const type = asked.type === undefined ? before?.type ?? typeOf(given) : asked.type;
  if (!isVariableType(type)) {
    const hint = typeof type === "string"
      ? suggestion(type, VARIABLE_TYPES)
      : `allowed: ${VARIABLE_TYPES.join(", ")}`;
    throw refusedVariable(name, [{ path: "type", message: `given ${shown(type)}; ${hint}` }]);
  }
  // Constraints of one type mean nothing for another one.
  const kept = before?.type === type ? before.constraints : undefined;
  const constraints = asked.constraints === undefined
    ? kept ?? (type === "choice" ? {} : undefined)
    : asked.constraints;
  if (constraints === undefined || constraints === kept) {
    return { type, constraints: constraints === undefined ? undefined : kept };
  }
  const issues = constraintIssues(type, constraints);
  if (issues.length > 0) throw refusedVariable(name, issues);
  // A copy, so that the caller cannot change it later.
  return { type, constraints: structuredClone(constraints as Constraints) };
}

function valueIssue(given: unknown, allowed: string): FieldIssue {
  return { path: "value", message: `given ${shown(given)}; allowed: ${allowed}` };
}

/** The error for a write of a variable that is wrong in these fields. */
export function refusedVariable(name: string, issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new InvalidInputError(
    `Cannot set the variable ${JSON.stringify(name)}: ${list}`,
    issues,
    "invalid_variable",
  );
}
