import { delimiter, isAbsolute, join } from "node:path";
import { SnakedenError } from "../../errors.ts";
import { readVariable } from "../../granted.ts";

/**
 * Returns the path of a program: of a bare name, the first one on the PATH of the host.
 *
 * @throws {SnakedenError} `script_failed` if there is none.
 */
export async function findProgram(program: string): Promise<string> {
  if (program.includes("/")) {
    if (isAbsolute(program)) return program;
    throw missing(program, "it is no absolute path");
  }
  const path = readVariable("PATH") ?? "";
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const file = join(folder, program);
    try {
      const { isFile, mode } = await Deno.stat(file);
      if (isFile && ((mode ?? 0) & 0o111) !== 0) return file;
    } catch {
      // It is not there, or may not be looked at.
    }
  }
  throw missing(program, "no folder of PATH has it");
}

function missing(program: string, why: string): SnakedenError {
  return new SnakedenError(
    "script_failed",
    `Cannot start the program ${JSON.stringify(program)}: ${why}`,
    { details: { program } },
  );
}
