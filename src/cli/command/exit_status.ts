import { type ErrorCode, SnakedenError } from "../../client/mod.ts";

/** The exit statuses of the program; docs/cli.md lists them. */
export const EXIT = {
  ok: 0,
  /** A job has failed, or the server refused the request for another reason than those below. */
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  busy: 6,
  deadline: 124,
  interrupted: 130,
} as const;

export type ExitStatus = typeof EXIT[keyof typeof EXIT];

/** The statuses of errors that are not {@link EXIT.failed}. */
const STATUSES: Partial<Readonly<Record<ErrorCode, ExitStatus>>> = {
  invalid_input: EXIT.usage,
  invalid_arguments: EXIT.usage,
  not_found: EXIT.notFound,
  unknown_tool: EXIT.notFound,
  unknown_pool: EXIT.notFound,
  unknown_worker: EXIT.notFound,
  unknown_session: EXIT.notFound,
  unknown_script: EXIT.notFound,
  unknown_job: EXIT.notFound,
  unknown_queue: EXIT.notFound,
  unknown_file: EXIT.notFound,
  unauthenticated: EXIT.refused,
  forbidden: EXIT.refused,
  host_unreachable: EXIT.unreachable,
  connection_lost: EXIT.unreachable,
  unexpected_answer: EXIT.unreachable,
  server_busy: EXIT.busy,
  pool_saturated: EXIT.busy,
  pool_unhealthy: EXIT.busy,
  shutting_down: EXIT.busy,
  queue_draining: EXIT.busy,
  store_unavailable: EXIT.busy,
};

/** A command that cannot be carried out as it was typed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The reason of a signal that aborts because somebody has pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The reader of the output has left, as `head` does. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Returns the exit status for an error. */
export function statusOf(error: unknown): ExitStatus {
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof OutputClosed) return EXIT.ok;
  return error instanceof SnakedenError ? STATUSES[error.code] ?? EXIT.failed : EXIT.failed;
}

/** Returns the reason of an error of the system, without the call and the path that Deno adds. */
export function reasonOf(error: unknown): string {
  return (error as Error).message.replace(/ \(os error \d+\).*$/, "");
}
