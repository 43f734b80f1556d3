import { SnakedenError } from "../../errors.ts";

/** The reason why a field of a definition is refused. */
export type InvalidToolReason =
  | "empty"
  | "too_long"
  | "invalid_format"
  | "invalid_type"
  | "too_many_entries"
  | "too_large"
  | "unsupported_type"
  | "unknown_key"
  | "unknown_pool";

/** A field of a definition that is refused. */
export interface InvalidField {
  /** The path of the field, such as `name` or `metadata.owner`. */
  readonly field: string;
  readonly reason: InvalidToolReason;
  /** The value that was given, and those that are allowed. */
  readonly message: string;
}

/** The error for a definition with a field that is refused. */
export function invalidTool(name: unknown, { field, reason, message }: InvalidField): Error {
  const tool = typeof name === "string" && name !== "" ? ` ${JSON.stringify(short(name))}` : "";
  return new SnakedenError(
    "invalid_tool",
    `Cannot define the host tool${tool}: ${field}: ${message}`,
    { details: { field, reason, ...(tool === "" ? {} : { tool: short(String(name)) }) } },
  );
}

function short(name: string): string {
  return name.length > 80 ? `${name.slice(0, 77)}...` : name;
}

/** The error for a name that another host tool has. */
export function toolExists(name: string, sessionId: string | undefined): SnakedenError {
  const where = sessionId === undefined
    ? "there is a host tool of this name"
    : `the session ${JSON.stringify(sessionId)} has a host tool of this name`;
  return new SnakedenError(
    "tool_exists",
    `Cannot register the host tool ${JSON.stringify(name)}: ${where}; unregister it first, or ` +
      "choose another name",
    { details: { tool: name, ...(sessionId === undefined ? {} : { sessionId }) } },
  );
}
