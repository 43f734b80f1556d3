import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runAsScript, type ShutdownEvent } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const SCRIPT_HOST = fileURLToPath(new URL("../fixtures/processes/script_host.ts", import.meta.url));

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one mode of the fixture to its end, and checks that no process is left. */
async function runMode(mode: string, env: Record<string, string> = {}): Promise<Ending> {
  await using dir = await tempDir();
  await using host = new HostProcess(["run", "-A", SCRIPT_HOST, mode], {
    env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython(), ...env },
  });
  const ending = await host.finished();
  await until(() => workersOf({ connect: dir.path }).length === 0, "no worker", {
    timeoutMs: 5_000,
  });
  return ending;
}

Deno.test("runAsScript() returns the value and ends with status 0", async () => {
  const { code, stdout } = await runMode("returns");
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "5\n" });
});

Deno.test("runAsScript() rethrows the error, and the process ends with status 1", async () => {
  const { code, stderr } = await runMode("throws");
  assert.equal(code, 1);
  assert.match(stderr, /thrown inside/);
});

Deno.test("runAsScript() with exitMode exit ends the process with status 0", async () => {
  assert.equal((await runMode("exits")).code, 0);
});

Deno.test("runAsScript() with exitMode exit prints the error and ends with status 1", async () => {
  const { code, stderr } = await runMode("exits-after-error");
  assert.equal(code, 1);
  assert.match(stderr, /thrown inside/);
});

Deno.test("runAsScript() reads its exit mode from SNAKEDEN_SCRIPT_EXIT, ignoring case and spaces", async () => {
  const exits = await runMode("by-variable", { SNAKEDEN_SCRIPT_EXIT: " EXIT " });
  assert.equal(exits.stdout, "");
  const none = await runMode("by-variable", { SNAKEDEN_SCRIPT_EXIT: "" });
  assert.equal(none.stdout, "still here\n");
  const wrong = await runMode("by-variable", { SNAKEDEN_SCRIPT_EXIT: "sometimes" });
  assert.equal(wrong.stdout, "still here\n");
});

Deno.test("runAsScript() refuses an exit mode that does not exist", async () => {
  await assert.rejects(
    runAsScript(() => {}, { exitMode: "sometimes" as "none" }),
    /exitMode: given "sometimes"; allowed: none, exit, auto/,
  );
});

Deno.test("runAsScript() shuts down and fails if the pool cannot start", async () => {
  const { code, stderr } = await runMode("cannot-start");
  assert.equal(code, 1);
  assert.match(stderr, /no_such_module/);
});

Deno.test("runAsScript() does not hang when its output goes into a closed pipe", async () => {
  await using dir = await tempDir();
  const command = new Deno.Command("sh", {
    args: ["-c", `"$0" run -A "$1" prints-much | head -1`, Deno.execPath(), SCRIPT_HOST],
    env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython() },
    stdin: "null",
    stderr: "piped",
    stdout: "piped",
  });
  const { stdout } = await command.output();
  assert.equal(new TextDecoder().decode(stdout), "0 pong\n");
  await until(() => workersOf({ connect: dir.path }).length === 0, "no worker", {
    timeoutMs: 5_000,
  });
});

for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`runAsScript() ends all workers on ${signal} and exits with ${status}`, async () => {
    await using dir = await tempDir();
    await using host = new HostProcess(["run", "-A", SCRIPT_HOST, "waits"], {
      env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython() },
    });
    await until(() => host.stdout.includes("waiting"), "the script to wait", { timeoutMs: 60_000 });
    host.kill(signal);
    host.kill(signal);
    const { code } = await host.finished();
    assert.equal(code, status);
    await until(() => workersOf({ connect: dir.path }).length === 0, "no worker", {
      timeoutMs: 5_000,
    });
  });
}

Deno.test("runAsScript() begins to end before the script is notified of the signal", async () => {
  await using dir = await tempDir();
  await using host = new HostProcess(["run", "-A", SCRIPT_HOST, "hears-the-signal"], {
    env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython() },
  });
  await until(() => host.stdout.includes("waiting"), "the script to wait", { timeoutMs: 60_000 });
  host.kill("SIGTERM");
  const { stdout } = await host.finished();
  assert.equal(stdout, "waiting\nstart\naborted\nstop\ncleanup\nexit\n");
});

Deno.test("runAsScript() reports the steps of its end in order, with the result of the cleanup", async () => {
  await using dir = await tempDir();
  const events: ShutdownEvent[] = [];
  await runAsScript((den) => den.execute("ping"), {
    dataDir: dir.path,
    pools: [{ name: "default", size: 1, adapter: "snakeden.demo" }],
    python: { executable: await devPython() },
    onShutdown: (event) => events.push(event),
  });
  assert.deepEqual(
    events.map(({ step, cleanupResult, owned, status }) => ({
      step,
      cleanupResult,
      owned,
      status,
    })),
    [
      { step: "start", cleanupResult: "pending", owned: true, status: 0 },
      { step: "stop", cleanupResult: "pending", owned: true, status: 0 },
      { step: "cleanup", cleanupResult: "ok", owned: true, status: 0 },
      { step: "exit", cleanupResult: "ok", owned: true, status: 0 },
    ],
  );
});

Deno.test("runAsScript() does not stop a host that it was given, except in the mode always", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  await runAsScript((it) => it.execute("ping"), { den });
  assert.equal(await den.execute("ping"), "pong");
  await runAsScript((it) => it.execute("ping"), { den, stopMode: "never" });
  assert.equal(await den.execute("ping"), "pong");
  await runAsScript((it) => it.execute("ping"), { den, stopMode: "always" });
  await assert.rejects(den.execute("ping"), { code: "shutting_down" });
});

Deno.test("runAsScript() skips the cleanup with a cleanupTimeoutMs of 0", async () => {
  await using dir = await tempDir();
  const results: unknown[] = [];
  await runAsScript(() => {}, {
    dataDir: dir.path,
    pools: [{ name: "default", size: 1, adapter: "snakeden.demo" }],
    python: { executable: await devPython() },
    cleanupTimeoutMs: 0,
    onShutdown: ({ cleanupResult }) => results.push(cleanupResult),
  });
  assert.equal(results.at(-1), "skipped");
});
