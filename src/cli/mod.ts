/**
 * The command line: a client of a server over HTTP, for people and for scripts. It imports nothing
 * of the host. {@link runCli} reads the arguments and runs a command.
 *
 * - main.ts: the program; its tasks are in deno.json.
 * - jobs/: the commands of `job`.
 * - pools/: the commands of `pool`.
 * - command/: what every command has: streams, client, options, exit statuses.
 * - terminal/: texts for terminals.
 *
 * @module
 */
export { type CliIo, type CliSink, systemIo } from "./command/mod.ts";
export { runCli } from "./run_cli.ts";
