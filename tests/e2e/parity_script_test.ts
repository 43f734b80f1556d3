/** The cases of scripts that PARITY lists and script_test.ts does not, in their own words. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runAsScript, type ShutdownEvent } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, ROOT, startDen, tempDir } from "../fixtures/host.ts";
import { processesWith } from "../fixtures/processes/find_processes.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";

const SCRIPT_HOST = join(ROOT, "tests/fixtures/processes/script_host.ts");
const TASK = ["task", "--quiet", `--config=${join(ROOT, "deno.json")}`, "run"];

interface Setting extends AsyncDisposable {
  readonly dir: string;
  readonly env: Record<string, string>;
}

/** A folder and variables for scripts. Its end waits until no process of them is left. */
async function setting(): Promise<Setting> {
  const temp = await tempDir();
  return {
    dir: temp.path,
    env: { SNAKEDEN_DATA_DIR: temp.path, SNAKEDEN_PYTHON: await devPython() },
    [Symbol.asyncDispose]: async () => {
      await until(() => processesWith(temp.path).length === 0, "no process");
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function finish(mode: string, it: Setting, env: Record<string, string> = {}): Promise<{
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}> {
  await using host = new HostProcess(["run", "-A", SCRIPT_HOST, mode], {
    env: { ...it.env, ...env },
  });
  return await host.finished();
}

Deno.test("given a script that throws what is no error, then its status is 1, in every exit mode", async () => {
  await using it = await setting();
  for (const env of [{}, { SNAKEDEN_SCRIPT_EXIT: "exit" }]) {
    const { code, stderr } = await finish("throws-text", it, env);
    assert.equal(code, 1);
    assert.match(stderr, /only a text/);
  }
});

Deno.test("given a script that calls Deno.exit() itself, then that is its status, and no worker is left", async () => {
  await using it = await setting();
  assert.equal((await finish("exits-itself", it)).code, 3);
});

Deno.test("given an option and a variable for the exit mode, then the option holds", async () => {
  await using it = await setting();
  const env = { SNAKEDEN_SCRIPT_EXIT: "exit" };
  assert.equal((await finish("option-none", it, env)).stdout, "still here\n");
});

Deno.test("given the exit mode auto, then the process ends if the script has started the host, else it goes on", async () => {
  await using it = await setting();
  const auto = { SNAKEDEN_SCRIPT_EXIT: "auto" };
  assert.equal((await finish("by-variable", it, auto)).stdout, "");
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  assert.equal(await runAsScript((it) => it.execute("ping"), { den, exitMode: "auto" }), "pong");
});

Deno.test("given pools that cannot start, then the script takes every step of its end, with status 1", async () => {
  await using it = await setting();
  const events: ShutdownEvent[] = [];
  const work = runAsScript(() => assert.fail("it must not run"), {
    dataDir: it.dir,
    pools: [
      { name: "fine", size: 1, adapter: "snakeden.demo" },
      { name: "broken", size: 1, adapter: "no_such_module" },
    ],
    python: { executable: await devPython() },
    onShutdown: (event) => events.push(event),
  });
  await assert.rejects(work, /no_such_module/);
  assert.deepEqual(events.map(({ step, status }) => `${step} ${status}`), [
    "start 1",
    "stop 1",
    "cleanup 1",
    "exit 1",
  ]);
  assert.equal(events.at(-1)?.cleanupResult, "ok");
});

Deno.test("given deno task run in a pipe that is closed, then it ends, and no worker is left", async () => {
  await using it = await setting();
  const args = ["-c", '"$0" "$@" | head -1', Deno.execPath(), ...TASK, SCRIPT_HOST, "prints-much"];
  const { stdout } = await new Deno.Command("sh", {
    args,
    cwd: it.dir,
    env: it.env,
    stderr: "null",
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "0 pong\n");
});

Deno.test("given deno task run under timeout, then no worker is left", async () => {
  await using it = await setting();
  const command = ["timeout", "600", Deno.execPath(), ...TASK, SCRIPT_HOST, "waits"];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  // As if its time limit had passed.
  await terminal.signalLeader("SIGALRM");
  assert.equal(await terminal.finished(), 124, terminal.output);
});

Deno.test("given SIGTERM to all processes and then SIGKILL, as of systemd, then none is left", async () => {
  await using it = await setting();
  const command = [Deno.execPath(), ...TASK, SCRIPT_HOST, "waits"];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const pid of processesWith(it.dir)) {
      try {
        // The driver of the terminal belongs to the test.
        if (!Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("in_terminal.py")) {
          signalPid(pid, signal);
        }
      } catch {
        // It has just ended.
      }
    }
  }
  assert.ok([137, 143].includes(await terminal.finished()), terminal.output);
});
