import { type ErrorCode, SnakedenError } from "../../client/mod.ts";
import { CLIENT_ENV, HOST_ENV } from "../../environment_names.ts";
import { type Paint, safeText } from "../terminal/mod.ts";
import { UsageError } from "./exit_status.ts";

/** Things that a person can do about an error. */
const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  unauthenticated: `set ${HOST_ENV.apiKey} to a key of the server`,
  forbidden: `set ${HOST_ENV.apiKey} to a key of the server`,
  host_unreachable: "start a server with `deno task serve`, or name another one with --url or " +
    CLIENT_ENV.url,
  server_busy: "try again in a moment",
  pool_saturated: "try again in a moment",
  shutting_down: "try again when the server has started again",
  queue_draining: "choose another --queue, or try again when this one takes jobs",
  unknown_pool: "list the pools with `deno task pool list`",
  unknown_worker: "list the workers with `deno task pool workers`",
  config_invalid: "correct the configuration; the server goes on with the one that it has",
  unknown_job: "list the jobs that are kept with `deno task job list`",
  job_running: "wait for its end, or cancel it first",
};

/** Returns an error for people: its text, its code, a hint, and the id of its request. */
export function errorText(error: unknown, paint: Paint): string {
  const head = paint("red", "error:");
  if (error instanceof UsageError) return `${head} ${safeText(error.message)}`;
  if (!(error instanceof SnakedenError)) {
    return `${head} ${safeText(error instanceof Error ? error.message : String(error))}`;
  }
  const { code, message, requestId } = error;
  const hint = HINTS[code];
  return [
    `${head} ${safeText(message)}`,
    `  code: ${code}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
    ...(requestId === undefined ? [] : [`  request: ${safeText(requestId)}`]),
  ].join("\n");
}
