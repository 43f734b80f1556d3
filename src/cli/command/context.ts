import { type SnakedenClient, SnakedenError } from "../../client/mod.ts";
import { safeJson } from "../terminal/mod.ts";
import type { CliIo } from "./cli_io.ts";
import { errorText } from "./error_text.ts";
import { EXIT, type ExitStatus, OutputClosed, statusOf } from "./exit_status.ts";
import type { Output } from "./output.ts";

/** The parts that every command works with. */
export interface Context {
  readonly io: CliIo;
  readonly client: SnakedenClient;
  readonly output: Output;
  /** True to write JSON. */
  readonly isJson: boolean;
  /** True to write ids only. */
  readonly isQuiet: boolean;
  /** Aborts with {@link Interrupted} at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Writes a document of JSON, in several lines for people. */
export async function writeDocument({ output }: Context, value: unknown): Promise<void> {
  await output.line(safeJson(value, 2));
}

/** Writes a value as a line of JSON. */
export async function writeJsonLine({ output }: Context, value: unknown): Promise<void> {
  await output.line(safeJson(value));
}

/**
 * Does something for each of several ids. One that the server refuses does not keep the others from
 * it. Returns the status of the first that went wrong.
 */
export async function forEachId(
  ids: readonly string[],
  context: Context,
  work: (id: string) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.ok;
  for (const id of ids) {
    try {
      const own = await work(id);
      if (status === EXIT.ok) status = own;
    } catch (error) {
      const own = statusOf(error);
      const concernsAll = own === EXIT.refused || own === EXIT.unreachable;
      const isRefusal = error instanceof SnakedenError && !concernsAll;
      if (error instanceof OutputClosed || !isRefusal || ids.length === 1) throw error;
      await context.output.note(errorText(error, context.output.paintNote));
      if (status === EXIT.ok) status = own;
    }
  }
  return status;
}
