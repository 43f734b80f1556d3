/**
 * Returns true when process 1 is Deno, as in a container without an init: this host, or the `deno
 * task` around it. A process that outlives its parent becomes a child of process 1. Deno waits only
 * for processes that it has started itself, so each orphan stays a zombie as long as the container
 * runs.
 */
export async function isDenoFirst(): Promise<boolean> {
  if (Deno.pid === 1) return true;
  const command = "/bin/sh";
  if (Deno.build.os !== "linux") return false;
  if (Deno.permissions.querySync({ name: "run", command }).state !== "granted") return false;
  try {
    // Deno opens /proc only to programs with all permissions.
    const { stdout } = await new Deno.Command(command, {
      args: ["-c", "read name < /proc/1/comm && echo $name"],
      clearEnv: true,
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trim() === "deno";
  } catch {
    // Unknown without a shell, or if no process can be started. Then there is no warning.
    return false;
  }
}

/** The warning for a container in which process 1 is Deno. */
export const NEEDS_INIT =
  "process 1 is Deno, which does not reap orphans: children of tools whose parents end first " +
  "stay as zombies; give the container an init (docker run --init, init: true in a compose file)";
