import type { PythonExceptionInfo } from "../../errors.ts";

/** Appends the cure to the text of an error, if Python raised it because a module is missing. */
export function withModuleCure(
  text: string,
  python: Pick<PythonExceptionInfo, "type"> | undefined,
  cure: string | undefined,
): string {
  return cure !== undefined && python?.type === "ModuleNotFoundError" ? `${text}; ${cure}` : text;
}
