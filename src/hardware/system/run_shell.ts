import { messageOf } from "../../errors.ts";
import { isGranted, readVariable } from "../../granted.ts";
import { runTool, withDefaults } from "../probes/mod.ts";

/** The output of a command line. */
export interface ShellOutput {
  readonly stdout: string;
  /** The reason why it failed; undefined if it succeeded. */
  readonly failure: string | undefined;
}

/** Options of {@link runShell}. Both ends kill the command line with all that it has started. */
export interface ShellOptions {
  readonly limitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The folders of commands for a program that may not read PATH. */
const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

/** The reason why no command line was run without {@link isRunGranted}. */
export const RUN_MISSING = "the permission --allow-run, for all programs, is missing";

/** Returns true if the program may run a command line, and end it with all that it has started. */
export function isRunGranted(): boolean {
  return isGranted({ name: "run" });
}

/** Runs a command line of a shell in a process group of its own. Never rejects. */
export async function runShell(command: string, options: ShellOptions): Promise<ShellOutput> {
  const env = (name: string): string | undefined =>
    readVariable(name) ?? (name === "PATH" ? USUAL_PATH : undefined);
  try {
    const tool = withDefaults({ ...options, env, folders: [] });
    const { stdout, problem } = await runTool(["sh", "-c", command], tool);
    return { stdout, failure: problem?.text };
  } catch (error) {
    return { stdout: "", failure: messageOf(error) };
  }
}
