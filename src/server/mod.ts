/**
 * The HTTP server as a program: the command line, one life after the other under `--dev`, and what
 * it says to the person who started it.
 *
 * @module
 */
export { runServer } from "./run_server.ts";
