import { NdArray } from "../../bridge/mod.ts";
import { isPythonName } from "./python_name.ts";
import { asTensor, shapeOf, type Tensor } from "./tensor.ts";

/** The types of variables. */
export const VARIABLE_TYPES = [
  "float",
  "integer",
  "string",
  "boolean",
  "choice",
  "json",
  "tensor",
  "embedding",
  "module",
] as const;

/** The type of a variable. docs/sessions.md describes each. */
export type VariableType = typeof VARIABLE_TYPES[number];

/** A value that fits its type, or the values that the type allows. */
export type TypedValue =
  | { readonly fits: true; readonly value: unknown }
  | { readonly fits: false; readonly allowed: string };

/** Returns true for the name of a type. */
export function isVariableType(type: unknown): type is VariableType {
  return VARIABLE_TYPES.some((it) => it === type);
}

/** Returns the type of a variable that is set for the first time without one. */
export function inferType(value: unknown): VariableType {
  switch (typeof value) {
    case "boolean":
      return "boolean";
    case "string":
      return "string";
    case "bigint":
      return "integer";
    case "number":
      // -0 is a float, since an integer would lose its sign.
      return Number.isInteger(value) && !Object.is(value, -0) ? "integer" : "float";
    default:
      return isArray(value) ? "tensor" : "json";
  }
}

/** Returns true for an array of numbers; a Uint8Array is bytes, as in docs/values.md. */
function isArray(value: unknown): boolean {
  if (value instanceof NdArray) return true;
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return false;
  return !(value instanceof Uint8Array) && !(value instanceof Uint8ClampedArray);
}

/** Returns the value in the form in which a variable of this type holds it. */
export function typedValue(type: VariableType, value: unknown): TypedValue {
  switch (type) {
    case "float":
      return asFloat(value);
    case "integer":
      return asInteger(value);
    case "string":
      return typeof value === "string" ? fits(value) : refused("a text");
    case "boolean":
      return typeof value === "boolean" ? fits(value) : refused("true or false");
    case "choice":
      return typeof value === "string" ? fits(value) : refused("a text that choices names");
    case "module":
      return typeof value === "string" && isPythonName(value)
        ? fits(value)
        : refused("the name of a Python module, such as sklearn.svm");
    case "tensor":
      return orRefused(asTensor(value), "an array of numbers, or lists of numbers of one length");
    case "embedding": {
      const tensor = asTensor(value);
      return orRefused(
        tensor !== undefined && shapeOf(tensor).length === 1 ? tensor : undefined,
        "a list of numbers",
      );
    }
    case "json":
      return fits(value);
  }
}

function asFloat(value: unknown): TypedValue {
  if (typeof value === "number") return fits(value);
  if (typeof value === "bigint" && BigInt(Number(value)) === value) return fits(Number(value));
  return refused("a number that a float can hold");
}

function asInteger(value: unknown): TypedValue {
  if (typeof value === "bigint") return fits(shortest(value));
  if (typeof value !== "number" || !Number.isInteger(value)) return refused("a whole number");
  return fits(Number.isSafeInteger(value) ? value + 0 : BigInt(value));
}

/** Integers are numbers up to 2^53, as values of calls are. */
function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function orRefused(tensor: Tensor | undefined, allowed: string): TypedValue {
  return tensor === undefined ? refused(allowed) : fits(tensor);
}

function fits(value: unknown): TypedValue {
  return { fits: true, value };
}

function refused(allowed: string): TypedValue {
  return { fits: false, allowed };
}
