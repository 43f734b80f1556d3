import { LEAVE_WORKING_FOLDER, runCommand, type RunCommandOptions } from "../process/mod.ts";

/** A module that does not import, and the reason. */
export interface MissingImport {
  readonly module: string;
  readonly reason: string;
}

const CHECK = `${LEAVE_WORKING_FOLDER}
import importlib, json, sys
failed = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append({"module": name, "reason": "%s: %s" % (type(error).__name__, error)})
print("\\nSNAKEDEN" + json.dumps(failed))
`;

/** Imports each of `modules` in a fresh interpreter; returns those that fail. */
export async function missingImports(
  python: string,
  modules: readonly string[],
  options: RunCommandOptions,
): Promise<MissingImport[]> {
  const result = await runCommand([python, "-c", CHECK, ...modules], options);
  const line = result.stdout.split("\n").find((it) => it.startsWith("SNAKEDEN"));
  if (line !== undefined) return JSON.parse(line.slice("SNAKEDEN".length));
  // A broken extension module can crash the interpreter: import each alone to find it.
  const reason = `Python exited with ${result.code}: ${result.lines.slice(-3).join(" | ")}`;
  const [only, ...others] = modules;
  if (only === undefined) return [];
  if (others.length === 0) return [{ module: only, reason }];
  const each: MissingImport[] = [];
  for (const module of modules) each.push(...await missingImports(python, [module], options));
  return each;
}
