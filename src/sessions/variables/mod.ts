/**
 * The variables of sessions. {@link Variables} are those of one session, as callers see them.
 * {@link VariableRows} stands between them and the store, and changes.ts follows their changes.
 *
 * @module
 */
export {
  type BatchOptions,
  type ChangeBatch,
  type ChangeOptions,
  keepChanges,
  lifeOf,
  nextChanges,
  positionText,
  type VariableChange,
} from "./changes.ts";
export { VariableRows } from "./variable_rows.ts";
export {
  type ListedVariable,
  type SetOptions,
  type SetResult,
  Variables,
  type VariablesDeps,
  type VariableToSet,
} from "./variables.ts";
