import { killGroup, spawnGroup } from "./process_group.ts";
import { LineSplitter } from "./line_splitter.ts";

/** How a command ended. */
export interface CommandResult {
  readonly success: boolean;
  /** Exit status; 128 + n when signal n ended it. */
  readonly code: number;
  /** Lines of stdout and stderr together, oldest first, the last 400. */
  readonly lines: readonly string[];
  /** Whole standard output. */
  readonly stdout: string;
}

/** What {@link runCommand} may be told. */
export interface RunCommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

const MAX_LINES = 400;

/**
 * The first lines of a program for `python -c`, which would otherwise import from the working
 * folder first. Used where Python may be too old for `-I`, or must see PYTHONPATH.
 */
export const LEAVE_WORKING_FOLDER = `import sys
if sys.path[:1] == [""]:
    del sys.path[0]
`;

/**
 * Runs `command` in its own process group. An aborted signal kills the whole group.
 *
 * @throws the signal's reason when it was aborted, or what Deno throws when the command cannot be
 * started.
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
    // Held open until here: its end tells the guard that this process is gone.
    await child.stdin.close().catch(ignoreBrokenPipe);
  }
}

/**
 * Python that runs a command and kills its own process group when standard input ends, which also
 * happens when this process is killed with SIGKILL: an installer must not go on writing into a
 * directory that nobody will use.
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

/** Like {@link runCommand}, and `command` dies when this process does. `python` is any Python 3. */
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
  // Whole, since what the command prints may be parsed.
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
