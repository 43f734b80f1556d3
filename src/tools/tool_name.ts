import { shownValue } from "../config/mod.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const MAX_BYTES = 64;
const RULE =
  'allowed: a letter or digit, and then at most 63 letters, digits, "_", "." and "-", all of ASCII';

/** The problem of a name. */
export interface ToolNameIssue {
  readonly reason: "invalid_type" | "empty" | "too_long" | "invalid_format";
  /** The name that was given, and those that are allowed. */
  readonly message: string;
}

/**
 * Returns the problem of the name of a tool, on the host or in Python; undefined if it is allowed.
 * Twin of tool_name.py.
 */
export function toolNameIssue(name: unknown): ToolNameIssue | undefined {
  const issue = (reason: ToolNameIssue["reason"], problem: string): ToolNameIssue => ({
    reason,
    message: `given ${shownValue(name)}, which ${problem}`,
  });
  if (typeof name !== "string") return issue("invalid_type", `is not a string; ${RULE}`);
  if (name === "") return issue("empty", `is empty; ${RULE}`);
  // No UTF-8 text has fewer bytes than characters, and an endless one must not be encoded.
  const bytes = name.length > MAX_BYTES ? name.length : new TextEncoder().encode(name).byteLength;
  if (bytes > MAX_BYTES) {
    const least = name.length > MAX_BYTES ? "at least " : "";
    return issue("too_long", `has ${least}${bytes} bytes; allowed: at most ${MAX_BYTES} bytes`);
  }
  if (name.startsWith(".")) return issue("invalid_format", `begins with a dot; ${RULE}`);
  return NAME.test(name) ? undefined : issue("invalid_format", `has another form; ${RULE}`);
}
