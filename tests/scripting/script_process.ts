/** Programs that import `snakeden` as script jobs do. */
import { join } from "node:path";
import { ROOT, tempDir } from "../fixtures/host.ts";

/** The end of a program. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the text of a program, by the map of a script job, with these variables and no others. */
export async function runProgram(
  text: string,
  { env = {}, flags = ["-A"], cwd }: {
    readonly env?: Record<string, string>;
    readonly flags?: readonly string[];
    readonly cwd?: string;
  } = {},
): Promise<Ended> {
  await using dir = await tempDir();
  const file = join(dir.path, "program.ts");
  await Deno.writeTextFile(file, text);
  const map = join(dir.path, "deno.json");
  const { imports, compilerOptions, unstable } = JSON.parse(
    await Deno.readTextFile(join(ROOT, "deno.json")),
  );
  const snakeden = new URL("../../src/scripting/whole.ts", import.meta.url).href;
  await Deno.writeTextFile(
    map,
    JSON.stringify({ imports: { ...imports, snakeden }, compilerOptions, unstable }),
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-lock", `--config=${map}`, ...flags, file],
    cwd: cwd ?? dir.path,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
