import { shownValue } from "../config/mod.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const MAX_BYTES = 64;
const ALLOWED =
  'a letter or digit, and then at most 63 letters, digits, "_", "." and "-", all of ASCII';

/** Returns the problem of the name of a tool; undefined if it is allowed. Twin of tool_name.py. */
export function toolNameIssue(name: unknown): string | undefined {
  if (typeof name !== "string") {
    return `given ${shownValue(name)}, which is not a string; ${rule()}`;
  }
  if (name === "") return `given "", which is empty; ${rule()}`;
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > MAX_BYTES) {
    return `given ${
      shownValue(name)
    }, which has ${bytes} bytes; allowed: at most ${MAX_BYTES} bytes`;
  }
  const shown = shownValue(name);
  if (name.startsWith(".")) return `given ${shown}, which begins with a dot; ${rule()}`;
  if (!NAME.test(name)) return `given ${shown}, which has another form; ${rule()}`;
  return undefined;
}

function rule(): string {
  return `allowed: ${ALLOWED}`;
}
