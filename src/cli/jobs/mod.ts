/**
 * The commands of `job`: {@link addJobCommands} adds each with its options, and has one file for
 * what it does. follow.ts waits for jobs, job_rows.ts writes them, job_choice.ts and job_input.ts
 * read options.
 *
 * @module
 */
export { addJobCommands } from "./job_commands.ts";
