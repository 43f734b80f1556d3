/**
 * Programs: stored calls of tools, by name, of a session or global. {@link Programs} are for
 * callers; they run a program by the calls of the host. ProgramRows stand between them and the
 * store, and {@link programMethods} let tools use them.
 *
 * @module
 */
export type {
  FoundProgram,
  Program,
  ProgramCall,
  ProgramInfo,
  ProgramToPut,
  PutProgram,
  StoredProgram,
} from "./program.ts";
export { programMethods } from "./program_methods.ts";
export { ProgramRows } from "./program_rows.ts";
export {
  Programs,
  type ProgramsDeps,
  type ProgramWriteOptions,
  type ResolvedCall,
} from "./programs.ts";
