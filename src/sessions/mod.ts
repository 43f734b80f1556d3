/**
 * Sessions: state under an id that outlives the host, for callers and tools. {@link Sessions} opens
 * and finds them, {@link Session} is one, and {@link Variables} are its typed, versioned values.
 * SessionRows and VariableRows stand between them and the store: they keep what was used last in
 * memory, and check each write. {@link sessionMethods} let tools use the session of their call.
 * values/ has the types of variables, and programs/ the stored calls of tools.
 *
 * @module
 */
export type { ChangeOptions, VariableChange } from "./variables/mod.ts";
export { Session, type SessionInfo } from "./session.ts";
export {
  type FoundProgram,
  type Program,
  type ProgramCall,
  type ProgramInfo,
  Programs,
  type ProgramToPut,
  type ProgramWriteOptions,
  type PutProgram,
  type ResolvedCall,
  type StoredProgram,
} from "./programs/mod.ts";
export { versionConflict } from "./session_errors.ts";
export { sessionMethods } from "./session_methods.ts";
export type { ListOptions, ListPage, OpenOptions, UpdateOptions } from "./session_options.ts";
export { type OpenedSession, Sessions, type SessionsDeps, type SessionStats } from "./sessions.ts";
export {
  type Constraints,
  type StoredVariable,
  type Variable,
  VARIABLE_TYPES,
  type VariableInfo,
  type VariableType,
} from "./values/mod.ts";
export {
  type ListedVariable,
  type SetOptions,
  type SetResult,
  Variables,
  type VariableToSet,
} from "./variables/mod.ts";
