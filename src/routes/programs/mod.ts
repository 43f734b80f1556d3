/**
 * The routes of programs, global ones and those of a session ({@link addPrograms}), and of their
 * runs ({@link addRun}).
 *
 * @module
 */
export { addPrograms, type ProgramsSlice } from "./programs.ts";
export { addRun, type RunSlice } from "./run.ts";
