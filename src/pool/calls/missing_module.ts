import type { PythonExceptionInfo } from "../../errors.ts";

/** Python's text for a module that is in no package. If one in a package is missing, no cure helps. */
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
