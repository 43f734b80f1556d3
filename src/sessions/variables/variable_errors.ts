import type { SnakedenError } from "../../errors.ts";
import { quotaExceeded, versionConflict } from "../session_errors.ts";
import { refusedVariable } from "../values/mod.ts";

/** Returns the error of a write that expected another version; 0 if there is no variable. */
export function variableConflict(name: string, version: number): SnakedenError {
  return versionConflict(`the variable ${JSON.stringify(name)}`, version === 0 ? null : version);
}

/** Returns the error of a new variable in a session that has the most it may have. */
export function tooManyVariables(name: string, max: number): SnakedenError {
  return quotaExceeded(`the variable ${JSON.stringify(name)}`, {
    limit: "sessions.maxVariables",
    max,
    cure: "delete some first",
  });
}

/** Returns the error of a value that is too long to be stored. */
export function variableTooLong(name: string, bytes: number, max: number): SnakedenError {
  return refusedVariable(name, [{
    path: "value",
    message: `given ${bytes} bytes; allowed: ${max} bytes (sessions.maxVariableBytes)`,
  }]);
}
