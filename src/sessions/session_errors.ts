import { type FieldIssue, InvalidInputError, SnakedenError } from "../errors.ts";

/** The error for a session that does not exist, or not any more. */
export function unknownSession(id: string): SnakedenError {
  return new SnakedenError(
    "unknown_session",
    `There is no session ${JSON.stringify(id)}: it was never opened, has expired or was deleted`,
    { details: { sessionId: id } },
  );
}

/** The error for a variable that its session does not have. */
export function unknownVariable(sessionId: string, name: string): SnakedenError {
  return new SnakedenError(
    "unknown_variable",
    `There is no variable ${JSON.stringify(name)} in the session ${JSON.stringify(sessionId)}`,
    { details: { sessionId, name } },
  );
}

/**
 * The error for a program that is not there.
 *
 * @param session The session in which it was looked for, and whether it was looked for among the
 * global programs after that. Undefined for a global program.
 */
export function unknownProgram(
  name: string,
  session?: { readonly id: string; readonly thenGlobal?: boolean },
): SnakedenError {
  const program = JSON.stringify(name);
  const id = JSON.stringify(session?.id);
  const text = session === undefined
    ? `There is no global program ${program}`
    : session.thenGlobal === true
    ? `There is no program ${program}, neither in the session ${id} nor among the global ones`
    : `There is no program ${program} in the session ${id}`;
  return new SnakedenError("unknown_program", text, {
    details: { ...(session === undefined ? {} : { sessionId: session.id }), name },
  });
}

/**
 * The error for a write that wanted another version.
 *
 * @param what Names what was to be written, such as `the session "a"`.
 * @param currentVersion The version that is there; null if there is nothing.
 */
export function versionConflict(what: string, currentVersion: number | null): SnakedenError {
  const state = currentVersion === null ? "it does not exist" : `its version is ${currentVersion}`;
  return new SnakedenError("version_conflict", `Cannot change ${what}: ${state}`, {
    details: { currentVersion },
  });
}

/** The error for input that is wrong in these fields. `action` completes "Cannot ...". */
export function invalidInput(action: string, issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot ${action}: ${list.join("; ")}`, issues);
}

/** The error for a session for which there is no room. */
export function tooManySessions(id: string, max: number): SnakedenError {
  return quotaExceeded(`the session ${JSON.stringify(id)}`, {
    limit: "sessions.max",
    max,
    cure: "delete some, or wait until some expire",
  });
}

/** The error for something for which there is no room. */
export function quotaExceeded(
  what: string,
  { limit, max, cure }: { readonly limit: string; readonly max: number; readonly cure: string },
): SnakedenError {
  return new SnakedenError(
    "session_quota_exceeded",
    `Cannot add ${what}: there are ${max} already (${limit}); ${cure}`,
    { retryable: true, details: { limit, max } },
  );
}

/**
 * Returns the id of the session of a call whose tool uses it.
 *
 * @throws {SnakedenError} `invalid_input` if the call has none.
 */
export function sessionOf(
  { sessionId, tool }: { readonly sessionId: string; readonly tool: string },
): string {
  if (sessionId !== "") return sessionId;
  throw new SnakedenError(
    "invalid_input",
    `Cannot use the session of this call of ${tool}: the call has no sessionId`,
  );
}
