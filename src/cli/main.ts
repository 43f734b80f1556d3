/** The program of the command line; `deno task job` and `deno task pool` start it. */
import { systemIo } from "./command/mod.ts";
import { runCli } from "./run_cli.ts";

if (import.meta.main) Deno.exit(await runCli(Deno.args, systemIo()));
