/**
 * True when process 1 is a Deno, as in a container without an init: this host, or the `deno task` around it. Processes whose
 * parent ends first become children of process 1, and Deno waits only for those that it has started itself, so they stay as
 * zombies for as long as the container runs.
 */
export async function isDenoFirst(): Promise<boolean> {
  if (Deno.pid === 1) return true;
  const command = "/bin/sh";
  if (Deno.build.os !== "linux") return false;
  if (Deno.permissions.querySync({ name: "run", command }).state !== "granted") return false;
  try {
    // Deno opens /proc to programs with all permissions only.
    const { stdout } = await new Deno.Command(command, {
      args: ["-c", "read name < /proc/1/comm && echo $name"],
      clearEnv: true,
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trim() === "deno";
  } catch {
    // No shell, or no process to spare; then there is nothing to say.
    return false;
  }
}

/** What to do about it. */
export const NEEDS_INIT =
  "process 1 is Deno, which does not reap orphans: children of tools whose parents end first " +
  "stay as zombies; give the container an init (docker run --init, init: true in a compose file)";
