import assert from "node:assert/strict";
import { WorkerProcess } from "../../../src/pool/workers/worker_process.ts";
import { until } from "../../fixtures/until.ts";

const NONCE = "n0n5e";

interface Spawned {
  readonly process: WorkerProcess;
  /** The output of the process so far, as `stdout 7: text`. */
  readonly lines: string[];
}

/** Runs a shell script. In it, `mark 7` says that the output that follows is of call 7. */
function shell(script: string): Spawned {
  const lines: string[] = [];
  const process = WorkerProcess.spawn({
    command: "/bin/sh",
    args: ["-c", `mark() { printf '\\036${NONCE}:%s\\n' $1; }; ${script}`],
    env: { PATH: Deno.env.get("PATH") ?? "/bin:/usr/bin" },
    nonce: NONCE,
    onLine: ({ text, owner }, from) => lines.push(`${from} ${owner}: ${text}`),
  });
  return { process, lines };
}

Deno.test("WorkerProcess.exited resolves with the exit code and the last output of both pipes", async () => {
  const { process } = shell("echo out; echo err >&2; printf 'no end'; exit 7");
  const exit = await process.exited;
  assert.deepEqual([exit.exitCode, exit.signal], [7, null]);
  assert.deepEqual([...exit.lastOutput].sort(), ["err", "no end", "out"]);
  assert.deepEqual(process.lastOutput, exit.lastOutput);
});

Deno.test("WorkerProcess.exited keeps the last 20 lines, shortened", async () => {
  const { process } = shell(
    "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo last",
  );
  const { lastOutput } = await process.exited;
  assert.equal(lastOutput.at(-1), "last");
  assert.equal(lastOutput.length, 20);
  const garbage = await shell("head -c 100000 /dev/urandom; exit 6").process.exited;
  assert.equal(garbage.exitCode, 6);
  assert.ok(garbage.lastOutput.every((it) => it.length <= 501));
});

Deno.test("WorkerProcess.ownStatus is what the worker announces on stderr, not its exit status", async () => {
  const announcing = shell("mark exit=5 >&2; exit 5").process;
  await announcing.exited;
  assert.equal(announcing.ownStatus, 5);
  const silent = shell("exit 5").process;
  assert.equal((await silent.exited).exitCode, 5);
  assert.equal(silent.ownStatus, undefined);
});

Deno.test("WorkerProcess attributes lines to calls, in each pipe separately", async () => {
  const { process, lines } = shell(
    "echo start; mark 7; echo seven; mark 8; echo eight; echo other >&2",
  );
  await process.exited;
  assert.deepEqual(lines.filter((it) => it.startsWith("stdout")), [
    "stdout -1: start",
    "stdout 7: seven",
    "stdout 8: eight",
  ]);
  assert.deepEqual(lines.filter((it) => it.startsWith("stderr")), ["stderr -1: other"]);
  assert.deepEqual(process.outputOf([7]), ["seven"]);
  assert.deepEqual([...process.outputOf([])].sort(), ["other", "start"]);
});

Deno.test("WorkerProcess.kill() and terminate() resolve with the one exit", async () => {
  const killed = shell("exec sleep 60").process;
  const exit = await killed.kill();
  assert.deepEqual(exit, { exitCode: null, signal: "SIGKILL", lastOutput: [] });
  assert.equal(await killed.terminate(60_000), exit);
  const asked = shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
  await until(() => asked.lines.length > 0, "it is ready");
  const { exitCode, lastOutput } = await asked.process.terminate(60_000);
  assert.deepEqual([exitCode, lastOutput.at(-1)], [5, "bye"]);
});

Deno.test("WorkerProcess.spawn() throws when the command cannot be run", () => {
  const spec = { args: [], env: {}, nonce: NONCE, onLine: () => {} };
  assert.throws(
    () => WorkerProcess.spawn({ ...spec, command: "/nonexistent/python" }),
    Deno.errors.NotFound,
  );
});
