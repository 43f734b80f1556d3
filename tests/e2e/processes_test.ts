import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { devPython } from "../../scripts/dev_python.ts";
import {
  ADAPTERS,
  HostProcess,
  isAlive,
  ServerProcess,
  startDen,
  tempDir,
  workersOf,
} from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const SCRIPT_HOST = fileURLToPath(new URL("../fixtures/processes/script_host.ts", import.meta.url));

/** Starts a server with one adapter that misbehaves. */
async function serve(dataDir: string, adapter: string, size = 2): Promise<ServerProcess> {
  const config = `${dataDir}/snakeden.config.json`;
  const pool = { name: "default", size, adapter, modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool], drainMs: 500 }));
  return await ServerProcess.start({ dataDir, env: { SNAKEDEN_CONFIG: config } });
}

async function execute(
  url: string,
  tool: string,
  args: Record<string, unknown>,
): Promise<{ result: number }> {
  const response = await fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool, args }),
  });
  return await response.json();
}

async function gone(dataDir: string): Promise<void> {
  await until(() => workersOf({ connect: dataDir }).length === 0, "every worker to be gone", {
    timeoutMs: 5_000,
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`main.ts ends with status 0 on ${signal} and leaves no process`, async () => {
    await using dir = await tempDir();
    await using server = await serve(dir.path, "snakeden.demo");
    assert.equal(workersOf({ connect: dir.path }).length, 2);
    server.kill(signal);
    const { code } = await server.finished();
    assert.equal(code, 0, server.stderr);
    assert.deepEqual(workersOf({ connect: dir.path }), []);
  });
}

Deno.test("main.ts killed with SIGKILL leaves no process, even with busy workers, and can be started again", async () => {
  await using dir = await tempDir();
  for (let round = 0; round < 2; round++) {
    await using server = await serve(dir.path, "snakeden.demo");
    const call = execute(server.url, "sleep", { seconds: 60 }).catch(() => {});
    await until(async () => {
      const { workers } = await (await fetch(`${server.url}/v1/workers`)).json();
      return workers.some((it: { state: string }) => it.state === "busy");
    }, "a busy worker");
    server.kill("SIGKILL");
    await server.finished();
    await call;
    await gone(dir.path);
    // The remains of the round before have been swept.
    assert.equal([...Deno.readDirSync(`${dir.path}/run`)].length, 1);
  }
});

/** Tools that occupy their worker and ignore everything. */
const HOLDS = [
  ["holds_gil", "hold_gil", { seconds: 60 }],
  ["ignores_sigterm", "hold", {}],
] as const;

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  for (const [adapter, tool, args] of HOLDS) {
    Deno.test(`main.ts ended by ${signal} ends a worker of ${adapter} too`, async () => {
      await using dir = await tempDir();
      await using server = await serve(dir.path, adapter, 1);
      const call = execute(server.url, tool, args).catch(() => {});
      await until(async () => {
        const { workers } = await (await fetch(`${server.url}/v1/workers`)).json();
        return workers[0]?.state === "busy";
      }, "the call to reach the worker");
      server.kill(signal);
      await server.finished();
      await call;
      await gone(dir.path);
    });
  }
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`main.ts ended by ${signal} ends the children of a worker too`, async () => {
    await using dir = await tempDir();
    await using server = await serve(dir.path, "forks_children", 1);
    const { result: child } = await execute(server.url, "spawn_child", {});
    assert.equal(isAlive(child), true);
    server.kill(signal);
    await server.finished();
    await until(() => !isAlive(child), "the child to be gone");
  });
}

Deno.test("Snakeden.stop() ends a child of a worker that was killed", async () => {
  await using den = await startDen({ adapter: "forks_children", size: 1 });
  const child = await den.execute<number>("spawn_child");
  const [worker] = den.workers.list();
  assert.ok(worker?.pid);
  signalPid(worker.pid, "SIGKILL");
  await until(() => !isAlive(child), "the child to be gone");
});

Deno.test("Snakeden.start() and stop() twenty times leave no process and no file", async () => {
  await using dir = await tempDir();
  for (let round = 0; round < 20; round++) {
    const den = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
    const { runId } = den;
    assert.equal(workersOf({ runId }).length, 2);
    await den.stop();
    assert.deepEqual(workersOf({ runId }), []);
  }
  assert.deepEqual([...Deno.readDirSync(`${dir.path}/run`)], []);
});

Deno.test("Snakeden leaves no process when a program throws without stopping it", async () => {
  await using dir = await tempDir();
  await using host = new HostProcess(["run", "-A", SCRIPT_HOST, "throws-outside"], {
    env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython() },
  });
  const { code, stderr } = await host.finished();
  assert.equal(code, 1);
  assert.match(stderr, /thrown outside/);
  await gone(dir.path);
});

Deno.test("Snakeden.health.ready() is not fooled by one worker that is stopped", async () => {
  await using den = await startDen({ adapter: "snakeden.demo" });
  const [stuck] = den.workers.list();
  assert.ok(stuck?.pid);
  signalPid(stuck.pid, "SIGSTOP");
  assert.equal((await den.health.ready()).ready, true);
});

Deno.test("Snakeden.start() serves from a data directory whose path is no address for gRPC", async () => {
  await using dir = await tempDir();
  const dataDir = `${dir.path}/a#b%41,c?`;
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 }, { dataDir });
  assert.equal(await den.execute("ping"), "pong");
});
