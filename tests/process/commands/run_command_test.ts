import assert from "node:assert/strict";
import { join } from "node:path";
import { runCommand, runGuarded } from "../../../src/process/commands/run_command.ts";
import { isAlive } from "../../fixtures/host.ts";
import { until, untilText } from "../../fixtures/until.ts";

const env = { PATH: Deno.env.get("PATH") ?? "" };

async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-run-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("runCommand() returns the status and the lines of both streams", async () => {
  const seen: string[] = [];
  const result = await runCommand(["sh", "-c", "echo one; echo two >&2; printf three; exit 3"], {
    env,
    onLine: (line) => seen.push(line),
  });
  assert.equal(result.code, 3);
  assert.equal(result.success, false);
  assert.equal(result.stdout, "one\nthree");
  assert.deepEqual([...seen].sort(), ["one", "three", "two"]);
});

Deno.test("runCommand() passes only the given variables", async () => {
  const { stdout } = await runCommand(["/usr/bin/env"], { env: { ONLY: "this" } });
  assert.equal(stdout, "ONLY=this");
});

Deno.test("runCommand() throws if the program does not exist", async () => {
  await assert.rejects(runCommand(["/no/such/program"], { env }), Deno.errors.NotFound);
});

Deno.test("runCommand() kills the whole group when its signal aborts", async () => {
  await withDir(async (dir) => {
    const file = join(dir, "pid");
    const controller = new AbortController();
    const script = `sleep 300 & echo $! > ${file}; trap '' TERM; wait`;
    const running = runCommand(["sh", "-c", script], { env, signal: controller.signal });
    const pid = Number(await untilText(file));
    controller.abort(new Error("no longer wanted"));
    await assert.rejects(running, /no longer wanted/);
    await until(() => !isAlive(pid), "it is dead");
  });
});

Deno.test("runGuarded() returns the command's own status and output", async () => {
  const result = await runGuarded("python3", ["sh", "-c", "echo out; exit 4"], { env });
  assert.equal(result.code, 4);
  assert.equal(result.stdout, "out");
  const killed = await runGuarded("python3", ["sh", "-c", "kill -9 $$"], { env });
  assert.equal(killed.code, 128 + 9);
});

Deno.test("runGuarded() ends the command when this process is killed", async () => {
  await withDir(async (dir) => {
    const file = join(dir, "pid");
    const module = new URL("../../../src/process/commands/run_command.ts", import.meta.url).href;
    const code = `import { runGuarded } from ${JSON.stringify(module)};
      const command = ["sh", "-c", "sleep 300 & echo $! > ${file}; wait"];
      await runGuarded("python3", command, { env: { PATH: Deno.env.get("PATH") ?? "" } });`;
    await Deno.writeTextFile(join(dir, "host.ts"), code);
    await using host = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", join(dir, "host.ts")],
    }).spawn();
    const pid = Number(await untilText(file));
    host.kill("SIGKILL");
    await host.status;
    await until(() => !isAlive(pid), "it is dead");
  });
});
