/**
 * The values of variables: their types ({@link typedValue}) and the limits of one variable
 * ({@link Constraints}), both checked by {@link checkedValue}, and their stored form
 * ({@link storedVariable}). {@link pack} puts a value into an answer to a tool.
 *
 * @module
 */
export {
  type AskedRules,
  checkedValue,
  refusedVariable,
  type VariableRules,
} from "./checked_value.ts";
export type { Constraints } from "./constraints.ts";
export { pack, type Packed, unpack } from "./packed.ts";
export {
  infoOf,
  type StoredVariable,
  storedVariable,
  type Variable,
  type VariableInfo,
  variableOf,
  variableOfAny,
} from "./variable.ts";
export { VARIABLE_TYPES, type VariableType } from "./variable_types.ts";
