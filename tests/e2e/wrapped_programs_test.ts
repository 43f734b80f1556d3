/** Workers and scripts behind a wrapper, which must keep every guarantee. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SCRIPTS } from "../fixtures/script_jobs.ts";
import { isAlive, ServerProcess, startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const ADAPTER = `
import os
import signal
import subprocess

from snakeden import current_call, tool

@tool
def total(values: bytes) -> int:
    return sum(values[:3])

@tool
def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)

@tool
def leave() -> None:
    children = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["sleep", "1000"])]
    current_call().progress(0.5)
    for child in children:
        child.wait()
`;

interface Wrapper {
  readonly pools: readonly string[];
  readonly jobs: readonly string[];
}

/** Wrappers that stay, so that what they start does not lead its process group. */
const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  "a shell that waits": {
    pools: ["/bin/sh", "-c", '"$@"; exit $?', "sh"],
    jobs: ["/bin/sh", "-c", '"$@"; exit $?', "sh"],
  },
  "bwrap with namespaces of its own": {
    // deno-fmt-ignore
    pools: [
      "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", "{run}", "{run}",
      "--unshare-all",
    ],
    // deno-fmt-ignore
    jobs: [
      "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", "{work}",
      "{work}", "--unshare-pid", "--die-with-parent",
    ],
  },
};

for (const [name, { pools: wrap, jobs }] of Object.entries(WRAPPERS)) {
  const ignore = name.startsWith("bwrap") && !canRun("bwrap");

  Deno.test({
    name: `workers serve behind ${name}, are replaced when they die, and end with the host`,
    ignore,
    fn: async () => {
      await using dir = await tempDir();
      await Deno.writeTextFile(join(dir.path, "wrapped.py"), ADAPTER);
      await using den = await startDen({
        adapter: "wrapped",
        modulePaths: [dir.path],
        size: 1,
        wrap: [...wrap],
      });
      // Large enough for the memory that both share.
      const values = new Uint8Array(256 * 1024).fill(7);
      assert.equal(await den.execute("total", { values }), 21);
      await assert.rejects(den.execute("die"), { code: "worker_crashed" });
      assert.equal(await den.execute("total", { values }), 21);
      const { runId } = den;
      await den.stop();
      assert.deepEqual(workersOf({ runId }), []);
    },
  });

  Deno.test({
    name: `kill -9 of the host ends workers behind ${name}, with the children of their tools`,
    ignore,
    fn: async () => {
      await using dir = await tempDir();
      await Deno.writeTextFile(join(dir.path, "wrapped.py"), ADAPTER);
      const config = join(dir.path, "snakeden.config.json");
      const pools = [{ name: "default", size: 1, adapter: "wrapped", wrap }];
      await Deno.writeTextFile(config, JSON.stringify({ pools }));
      await using server = await ServerProcess.start({
        dataDir: dir.path,
        env: { SNAKEDEN_CONFIG: config },
      });
      const answer = await fetch(`${server.url}/v1/stream`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ tool: "leave" }),
      });
      const reader = answer.body?.getReader();
      // The report of progress comes when both children run.
      await reader?.read();
      const runId = await runIdOf(server.url);
      const left = workersOf({ runId }).filter((pid) => pid !== server.pid);
      assert.ok(left.length >= 4, `the wrapper, the worker and two children: ${left}`);
      server.kill("SIGKILL");
      await until(() => left.every((pid) => !isAlive(pid)), "every process to end");
      await reader?.cancel().catch(() => {});
    },
  });

  Deno.test({
    name: `a script behind ${name} ends by itself on SIGTERM, and leaves nothing`,
    ignore,
    fn: async () => {
      await using dir = await tempDir();
      const script = "import signal, sys, time, subprocess\n" +
        "def stop(*_):\n    print('heard', flush=True)\n    sys.exit(3)\n" +
        "signal.signal(signal.SIGTERM, stop)\n" +
        "subprocess.Popen(['setsid', 'sleep', '1000'])\n" +
        "print('ready', flush=True)\ntime.sleep(1000)\n";
      await Deno.writeTextFile(join(dir.path, "waits.py"), script);
      await using den = await startDen({ size: 1 }, {
        jobs: {
          scriptFolders: [dir.path, SCRIPTS],
          wrap: [...jobs],
          // Only the signal ends it in time.
          scripts: { killGraceMs: 60_000 },
        },
      });
      const done = await den.jobs.submit({ kind: "script", script: "echo.py", maxAttempts: 1 });
      assert.equal((await done.done()).state, "completed");
      const job = await den.jobs.submit({ kind: "script", script: "waits.py", maxAttempts: 1 });
      const lines: string[] = [];
      for await (const { text } of job.logs()) {
        lines.push(text);
        if (text === "ready") await job.cancel();
      }
      assert.ok(lines.includes("heard"), lines.join("\n"));
      assert.equal((await job.refresh()).state, "cancelled");
      assert.deepEqual(
        workersOf({ runId: den.runId }).filter((pid) => commandOf(pid).includes("sleep")),
        [],
      );
    },
  });
}

/** Returns true if a program is there and may make its namespaces. */
function canRun(program: string): boolean {
  try {
    const args = [
      "--ro-bind",
      "/",
      "/",
      "--dev",
      "/dev",
      "--proc",
      "/proc",
      "--unshare-pid",
      "true",
    ];
    return new Deno.Command(program, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

async function runIdOf(url: string): Promise<string> {
  const { workers } = await (await fetch(`${url}/v1/workers`)).json();
  const environment = await Deno.readTextFile(`/proc/${workers[0].pid}/environ`);
  return /SNAKEDEN_RUN_ID=([^\0]+)/.exec(environment)?.[1] ?? assert.fail(environment);
}

function commandOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}
