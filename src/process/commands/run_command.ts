import { killGroup, spawnGroup } from "../process_group.ts";
import { LineSplitter } from "../line_splitter.ts";

/** The result of a command that ran. */
export interface CommandResult {
  readonly success: boolean;
  /** The exit status; 128 + n if signal n ended the command. */
  readonly code: number;
  /** The last 400 lines of stdout and stderr together, oldest first. */
  readonly lines: readonly string[];
  /** The complete standard output. */
  readonly stdout: string;
}

/** Options of {@link runCommand}. */
export interface RunCommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of stdout and stderr as it arrives. */
  readonly onLine?: (line: string) => void;
}

const MAX_LINES = 400;

/**
 * The first lines of a program for `python -c`, so that it does not import from the working
 * directory. `python -I` would do the same, but it ignores PYTHONPATH, and very old versions lack
 * it.
 */
export const LEAVE_WORKING_FOLDER = `import sys
if sys.path[:1] == [""]:
    del sys.path[0]
`;

/**
 * Runs `command` in its own process group. An aborted signal kills the whole group.
 *
 * @throws The reason of the signal, or Deno's error if the command cannot be started.
 */
export async function runCommand(
  command: readonly string[],
  options: RunCommandOptions,
): Promise<CommandResult> {
  const [program = "", ...args] = command;
  options.signal?.throwIfAborted();
  const child = spawnGroup({ command: program, args, env: options.env, cwd: options.cwd });
  const kill = (): void => killGroup(child.pid);
  options.signal?.addEventListener("abort", kill, { once: true });
  try {
    const lines: string[] = [];
    const keep = (line: string): void => {
      if (lines.push(line) > MAX_LINES) lines.shift();
      options.onLine?.(line);
    };
    const stdout: string[] = [];
    const [status] = await Promise.all([
      child.status,
      eachLine(child.stdout, (line) => {
        stdout.push(line);
        keep(line);
      }),
      eachLine(child.stderr, keep),
    ]);
    options.signal?.throwIfAborted();
    return { success: status.success, code: status.code, lines, stdout: stdout.join("\n") };
  } catch (error) {
    kill();
    await child.status;
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", kill);
    // Stays open until here, since its end tells the guard that this process is gone.
    await child.stdin.close().catch(ignoreBrokenPipe);
  }
}

/**
 * A Python program that runs a command, and kills its own process group when standard input ends.
 * Standard input also ends when this process is killed by SIGKILL: an installer must not go on
 * writing into a directory that nobody will use.
 */
const GUARD = `
import os, signal, subprocess, sys, threading
if os.getpgrp() != os.getpid():
    os.setpgid(0, 0)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def watch():
    while os.read(0, 4096):
        pass
    os.killpg(os.getpid(), signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
code = child.wait()
sys.stdout.flush()
os._exit(code if code >= 0 else 128 - code)
`;

/**
 * Runs `command` like {@link runCommand}, but also ends it when this process dies. `python` is any
 * Python 3.
 */
export function runGuarded(
  python: string,
  command: readonly string[],
  options: RunCommandOptions,
): Promise<CommandResult> {
  return runCommand([python, "-I", "-c", GUARD, ...command], options);
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  // Keeps lines whole, since callers parse them.
  const splitter = new LineSplitter({ maxChars: Infinity });
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    splitter.push(text).forEach(onLine);
  }
  splitter.end().forEach(onLine);
}

function ignoreBrokenPipe(error: unknown): void {
  if (error instanceof Deno.errors.BrokenPipe) return;
  throw error;
}
