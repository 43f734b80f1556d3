import type { PythonExceptionInfo } from "../../errors.ts";

/** Python's text for a missing top-level module. The cure does not apply to a missing submodule. */
const WHOLE_MODULE = /^No module named '[^'.]+'$/;

/** Appends the cure to the text of an error, if Python raised it because a module is missing. */
export function withModuleCure(
  text: string,
  python: Pick<PythonExceptionInfo, "type" | "message"> | undefined,
  cure: string | undefined,
): string {
  if (cure === undefined || python?.type !== "ModuleNotFoundError") return text;
  return WHOLE_MODULE.test(python.message) ? `${text}; ${cure}` : text;
}
