import { InvalidInputError } from "../../errors.ts";
import type { Pool } from "../../pool/mod.ts";
import type { ToolRegistry } from "../../tools/mod.ts";

/** A tool that a job runs, with what chooses its pool. */
export interface JobTool {
  readonly tool: string;
  readonly pool: string | undefined;
  readonly sessionId?: string | undefined;
}

/**
 * Returns the pool that runs a tool of a job: a host tool may be gone when the job runs.
 *
 * @throws {SnakedenError} `unknown_tool`, `unknown_pool`; `invalid_input` for a host tool.
 */
export function poolForJob(
  tools: Pick<ToolRegistry, "find" | "poolFor">,
  { tool, pool, sessionId }: JobTool,
): Pool {
  const session = sessionId === undefined ? {} : { sessionId };
  try {
    return tools.poolFor(tool, pool, session);
  } catch (error) {
    const found = tools.find(tool, pool, session);
    if (found?.runsIn !== "host" || !found.exposeHttp) throw error;
    throw wrongField("tool", `given ${tool}, which runs in the host; allowed: a tool of a pool`);
  }
}

/** The error for a field of a submission. */
export function wrongField(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot submit the job: ${path}: ${message}`, [{ path, message }]);
}
