/** A program to start. */
export interface CommandSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** A pipe if omitted. */
  readonly stdin?: "piped" | "null";
}

/**
 * Starts a program as the leader of its own process group and session, so that a signal to the
 * group reaches everything it starts. Its output streams are pipes.
 *
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} If the command cannot be run.
 */
export function spawnGroup(
  { command, args, env, cwd, stdin = "piped" }: CommandSpec,
): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    ...(cwd === undefined ? {} : { cwd }),
    stdin,
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
}

/**
 * Sends a signal to every process of a group.
 *
 * @returns False if nothing is left of the group.
 * @throws {RangeError} For 0 and 1, which mean the group of this process, and all processes.
 */
export function signalGroup(leaderPid: number, signal: Deno.Signal): boolean {
  if (!(leaderPid > 1)) throw new RangeError(`Cannot signal the process group ${leaderPid}`);
  try {
    Deno.kill(-leaderPid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // Whatever is left belongs to another user, or waits to be reaped.
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

/** Kills every process of a group. */
export function killGroup(leaderPid: number): void {
  signalGroup(leaderPid, "SIGKILL");
}

/**
 * Returns true while a process exists. On Linux with all permissions, a zombie counts as gone: Deno
 * opens /proc only to programs with all permissions. Elsewhere it counts as running until it is
 * reaped, which for a child of ours happens at once.
 */
export function isRunning(pid: number): boolean {
  let state: boolean | undefined;
  try {
    state = LINUX ? stateOf(Deno.readTextFileSync(statOf(pid))) : undefined;
  } catch (error) {
    state = stateWithout(error);
  }
  return state ?? canSignal(pid);
}

/** Returns what {@link isRunning} does, without holding the event loop while the kernel answers. */
export async function stillRuns(pid: number): Promise<boolean> {
  let state: boolean | undefined;
  try {
    state = LINUX ? stateOf(await Deno.readTextFile(statOf(pid))) : undefined;
  } catch (error) {
    state = stateWithout(error);
  }
  return state ?? canSignal(pid);
}

const LINUX = Deno.build.os === "linux";

function statOf(pid: number): string {
  return `/proc/${pid}/stat`;
}

function stateOf(stat: string): boolean {
  // The name in parentheses may contain anything, so the state is looked for after the last ")".
  return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** Returns undefined if the table of processes may not be read. */
function stateWithout(error: unknown): boolean | undefined {
  if (error instanceof Deno.errors.NotFound) return false;
  if (error instanceof Deno.errors.NotCapable) return undefined;
  // ESRCH: the process ended between open and read.
  if (error instanceof Error && /os error 3/.test(error.message)) return false;
  throw error;
}

function canSignal(pid: number): boolean {
  try {
    // Deno has no signal 0. SIGCONT has no effect on a running process.
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
