import assert from "node:assert/strict";
import { ManagedProcess } from "../../src/process/managed_process.ts";
import { isRunning } from "../../src/process/process_group.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

interface Spawned {
  readonly process: ManagedProcess;
  /** The lines so far, as `stdout: text`. */
  readonly lines: string[];
}

/** Runs a shell script. `exec` in the script keeps the pid. */
function shell(script: string, env: Record<string, string> = {}): Spawned {
  const lines: string[] = [];
  const process = ManagedProcess.spawn({
    command: "/bin/sh",
    args: ["-c", script],
    env: { PATH: Deno.env.get("PATH") ?? "/bin:/usr/bin", ...env },
    onLine: (text, from) => lines.push(`${from}: ${text}`),
  });
  return { process, lines };
}

/** Waits for a line that starts with `start`. Returns the rest of the line. */
async function said({ lines }: Spawned, start: string): Promise<string> {
  const find = (): string | undefined => lines.find((it) => it.startsWith(`stdout: ${start}`));
  await until(() => find() !== undefined, `the process has said ${start}`);
  return find()?.slice(`stdout: ${start}`.length).trim() ?? "";
}

/** Returns the target of a descriptor in /proc; undefined if it was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

Deno.test("ManagedProcess.exited resolves with the exit code after the output of both pipes", async () => {
  const { process, lines } = shell("echo out; echo err >&2; printf 'no end'; exit 7");
  const exit = await process.exited;
  assert.equal(exit.exitCode, 7);
  assert.equal(exit.signal, null);
  assert.deepStrictEqual(lines.toSorted(), ["stderr: err", "stdout: no end", "stdout: out"]);
});

Deno.test("ManagedProcess.exited resolves with the name of the signal", async () => {
  for (const signal of ["KILL", "SEGV", "ABRT"]) {
    const { process } = shell(`ulimit -c 0; kill -${signal} $$`);
    const exit = await process.exited;
    assert.deepStrictEqual([exit.exitCode, exit.signal], [null, `SIG${signal}`]);
  }
});

Deno.test("ManagedProcess.exited resolves after all output of the process, however much", async () => {
  const { process, lines } = shell(
    "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo last",
  );
  await process.exited;
  assert.equal(lines.at(-1), "stdout: last");
  assert.equal(lines.length, 3_001);
});

Deno.test("ManagedProcess.spawn() throws if the command cannot be run", () => {
  const spec = { args: [], env: {}, onLine: () => {} };
  assert.throws(
    () => ManagedProcess.spawn({ ...spec, command: "/nonexistent/python" }),
    Deno.errors.NotFound,
  );
  assert.throws(() => ManagedProcess.spawn({ ...spec, command: "/tmp" }), Error);
});

Deno.test("ManagedProcess.spawn() gives the process this environment and nothing else", async () => {
  const { process, lines } = shell("exec env", { SNAKEDEN_TOKEN: "t" });
  await process.exited;
  const names = lines.map((it) => it.slice("stdout: ".length).split("=")[0]);
  assert.deepStrictEqual(
    names.filter((it) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(it ?? "")).sort(),
    ["PATH", "SNAKEDEN_TOKEN"],
  );
});

Deno.test("ManagedProcess.spawn() starts the leader of a new group and session", async () => {
  const spawned = shell("echo pid $$; exec sleep 60");
  assert.equal(await said(spawned, "pid"), String(spawned.process.pid));
  const stat = Deno.readTextFileSync(`/proc/${spawned.process.pid}/stat`);
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  assert.deepStrictEqual([group, session].map(Number), Array(2).fill(spawned.process.pid));
  await spawned.process.kill();
});

Deno.test("ManagedProcess keeps stdin open until the process ends", async () => {
  const spawned = shell("echo ready; read line; echo end of file; exit 3");
  await said(spawned, "ready");
  const stdin = Deno.readLinkSync(`/proc/${spawned.process.pid}/fd/0`);
  const open = Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => name);
  assert.ok(open.some((it) => linkOf(`/proc/self/fd/${it}`) === stdin), `nobody holds ${stdin}`);
  assert.ok(isRunning(spawned.process.pid));
  assert.ok(!spawned.lines.includes("stdout: end of file"));
  assert.equal((await spawned.process.kill()).signal, "SIGKILL");
});

Deno.test("ManagedProcess.terminate() sends SIGTERM, which the process may handle", async () => {
  const spawned = shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
  await said(spawned, "ready");
  const exit = await spawned.process.terminate(60_000);
  assert.equal(exit.exitCode, 5);
  // At some point the shell also prints on stderr that its sleep was terminated.
  assert.equal(spawned.lines.findLast((it) => it.startsWith("stdout: ")), "stdout: bye");
});

Deno.test("ManagedProcess.terminate() kills a process that ignores SIGTERM, after the grace period", async () => {
  const spawned = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  await said(spawned, "ready");
  const exit = await spawned.process.terminate(50);
  assert.equal(exit.signal, "SIGKILL");
});

Deno.test("ManagedProcess.terminate() kills a process that is stopped", async () => {
  const spawned = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done");
  await said(spawned, "ready");
  const { pid } = spawned.process;
  signalPid(pid, "SIGSTOP");
  // The stop takes effect a moment later. A SIGTERM before that would still be delivered.
  await until(() => /\) T /.test(Deno.readTextFileSync(`/proc/${pid}/stat`)), "it is stopped");
  assert.equal((await spawned.process.terminate(20)).signal, "SIGKILL");
});

Deno.test("ManagedProcess.kill() kills the children too", async () => {
  const spawned = shell("trap '' TERM; sleep 60 & echo child $!; wait");
  const child = Number(await said(spawned, "child"));
  assert.ok(isRunning(child));
  await spawned.process.kill();
  await until(() => !isRunning(child), "the child is gone");
});

Deno.test("ManagedProcess kills the children of a process that ends by itself", async () => {
  const spawned = shell("sleep 60 & echo child $!; exit 0");
  const child = Number(await said(spawned, "child"));
  assert.equal((await spawned.process.exited).exitCode, 0);
  await until(() => !isRunning(child), "the child is gone");
});

Deno.test("ManagedProcess.exited does not wait for a child that left the group and holds the pipes", async () => {
  const spawned = shell(
    "setsid sh -c 'echo child $$; exec sleep 60' & trap 'exit 0' TERM; echo ready; wait",
  );
  const child = Number(await said(spawned, "child"));
  await said(spawned, "ready");
  try {
    const exit = await spawned.process.terminate(60_000);
    assert.equal(exit.exitCode, 0);
    assert.deepStrictEqual(spawned.lines.toSorted(), [`stdout: child ${child}`, "stdout: ready"]);
    assert.ok(isRunning(child));
  } finally {
    signalPid(child, "SIGKILL");
  }
});

Deno.test("ManagedProcess accepts kill, terminate and signals after the end, repeatedly", async () => {
  const { process } = shell("exit 2");
  const exit = await process.exited;
  assert.equal(await process.kill(), exit);
  assert.equal(await process.terminate(60_000), exit);
  assert.equal(process.signal("SIGTERM"), false);
});

Deno.test("ManagedProcess resolves kill and terminate when both are called together", async () => {
  const spawned = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  await said(spawned, "ready");
  const terminated = spawned.process.terminate(60_000);
  const killed = spawned.process.kill();
  assert.equal((await terminated).signal, "SIGKILL");
  assert.equal(await killed, await terminated);
});

Deno.test("ManagedProcess reads a process that closes its pipes early, and one that writes garbage", async () => {
  const early = shell("exec >&- 2>&- <&-; exit 4");
  assert.equal((await early.process.exited).exitCode, 4);
  const garbage = shell("head -c 100000 /dev/urandom; exit 6");
  const exit = await garbage.process.exited;
  assert.equal(exit.exitCode, 6);
  assert.ok(garbage.lines.length > 0 && garbage.lines.every((it) => it.length <= 8_300));
});

Deno.test("ManagedProcess leaves no file open after 50 processes", async () => {
  if (Deno.build.os !== "linux") return;
  const open = (): number => [...Deno.readDirSync("/proc/self/fd")].length;
  await shell("exit 0").process.exited;
  const before = open();
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 5 }, (_, n) => {
      const { process } = shell(n % 2 === 0 ? "echo hi; exit 1" : "exec sleep 60");
      return n % 2 === 0 ? process.exited : process.kill();
    }));
  }
  await until(() => open() <= before, `at most ${before} files are open, not ${open()}`);
});
