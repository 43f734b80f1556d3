/**
 * Requirements files, read as pip reads them, to find out what makes up an environment.
 *
 * @module
 */
export { contentOf, readRequirementFiles, type RequirementFile } from "./requirement_files.ts";
