import { messageOf } from "../../errors.ts";
import { isGranted, readVariable } from "../../granted.ts";
import { runCommand } from "../../process/mod.ts";

/** The output of a command line. */
export interface ShellOutput {
  readonly stdout: string;
  /** The reason why it failed; undefined if it succeeded. */
  readonly failure: string | undefined;
}

/** Options of {@link runShell}. */
export interface ShellOptions {
  /** Kills the command line with all that it has started. */
  readonly signal: AbortSignal;
}

/** Runs a command line of a shell in a process group of its own. Never rejects. */
export async function runShell(command: string, { signal }: ShellOptions): Promise<ShellOutput> {
  if (!isGranted({ name: "run", command: "sh" })) {
    return { stdout: "", failure: "the permission --allow-run is missing" };
  }
  try {
    const env = { PATH: readVariable("PATH") ?? "/usr/bin:/bin" };
    const { success, code, stdout } = await runCommand(["sh", "-c", command], { env, signal });
    return { stdout, failure: success ? undefined : `it exited with status ${code}` };
  } catch (error) {
    return { stdout: "", failure: messageOf(error) };
  }
}
