/** A program to start. */
export interface CommandSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
}

/**
 * Starts a program as the leader of a group and session of its own, so that a signal to the group
 * reaches whatever it starts. All three of its streams are pipes.
 *
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} When the command cannot be run.
 */
export function spawnGroup({ command, args, env, cwd }: CommandSpec): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
}

/**
 * Sends a signal to every process of a group.
 *
 * @returns False when nothing is left of it.
 */
export function signalGroup(leaderPid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(-leaderPid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // All that is left belongs to another user, or waits to be reaped.
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

/** Kills every process of a group. */
export function killGroup(leaderPid: number): void {
  signalGroup(leaderPid, "SIGKILL");
}

/**
 * True while a process exists. One that has ended and waits to be reaped (a zombie) counts as gone
 * where /proc tells: on Linux, and not under a set of permissions, since Deno opens /proc only to a
 * program that may do everything. Without it a zombie counts as running until it is reaped, which
 * for a child of ours is at once.
 */
export function isRunning(pid: number): boolean {
  return readState(pid) ?? canSignal(pid);
}

function readState(pid: number): boolean | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    // The name in parentheses may hold anything, the state follows the last one.
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotCapable) return undefined;
    // ESRCH: it ended between open and read.
    if (error instanceof Error && /os error 3/.test(error.message)) return false;
    throw error;
  }
}

function canSignal(pid: number): boolean {
  try {
    // There is no signal 0 in Deno; SIGCONT changes nothing for a process that runs.
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
