import { SnakedenError } from "../../errors.ts";

/** The error for a name that another tool has. `owner` completes "there is a tool of this name". */
export function toolExists(
  name: string,
  { pool, owner, workerId }: {
    readonly pool: string;
    readonly owner: string;
    readonly workerId?: string;
  },
): SnakedenError {
  return new SnakedenError(
    "tool_exists",
    `Cannot register the tool ${JSON.stringify(name)} in the pool ${pool}: there is a tool of ` +
      `this name, ${owner}`,
    { details: { tool: name, pool, ...(workerId === undefined ? {} : { workerId }) } },
  );
}

/** The error for tools beyond a limit of their worker. */
export function tooManyTools(
  workerId: string,
  { what, max, given }: { readonly what: string; readonly max: number; readonly given: number },
): SnakedenError {
  return new SnakedenError(
    "invalid_tool",
    `Cannot register tools: ${workerId} would have ${given} ${what}; allowed: at most ${max}; ` +
      "unregister some",
    { details: { workerId, max, given } },
  );
}

/** The error for a worker that is about to end. */
export function takesNoCalls(workerId: string): SnakedenError {
  return new SnakedenError(
    "shutting_down",
    `Cannot register tools: ${workerId} takes no more calls, since it is being replaced`,
    { details: { workerId } },
  );
}

/** The error for a tool that its worker has not registered. */
export function notRegistered(
  name: string,
  { workerId, sessionId }: { readonly workerId: string; readonly sessionId: string | undefined },
): SnakedenError {
  const scope = sessionId === undefined ? "for all" : `for the session ${sessionId}`;
  return new SnakedenError(
    "unknown_tool",
    `Cannot unregister the tool ${
      JSON.stringify(name)
    }: ${workerId} has not registered it ${scope}`,
    { details: { tool: name, workerId } },
  );
}
