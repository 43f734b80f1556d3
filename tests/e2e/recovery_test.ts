/** Tests hosts that are killed, and what the next host finds. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { devPython } from "../../scripts/dev_python.ts";
import { KvStore } from "../../src/kv/mod.ts";
import {
  ADAPTERS,
  HostProcess,
  isAlive,
  SERVE,
  ServerProcess,
  startDen,
  tempDir,
  workersOf,
} from "../fixtures/host.ts";
import { MarkedProcess } from "../fixtures/processes/marked_process.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";
import { openStore } from "../kv/open_store.ts";

const SCRIPT_HOST = fileURLToPath(new URL("../fixtures/processes/script_host.ts", import.meta.url));
const FORKS = { name: "default", size: 1, adapter: "forks_children", modulePaths: [ADAPTERS] };

async function serve(
  dataDir: string,
  pool: Record<string, unknown> = FORKS,
): Promise<ServerProcess> {
  const config = `${dataDir}/snakeden.config.json`;
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool], drainMs: 500 }));
  return await ServerProcess.start({ dataDir, env: { SNAKEDEN_CONFIG: config } });
}

async function execute(url: string, tool: string): Promise<number> {
  const response = await fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool, args: {} }),
  });
  return (await response.json()).result;
}

async function kill(server: HostProcess): Promise<void> {
  server.kill("SIGKILL");
  await server.finished();
}

/** Starts a program with a host on the data directory; see script_host.ts. */
async function script(dataDir: string, mode: string): Promise<HostProcess> {
  return new HostProcess(["run", "-A", SCRIPT_HOST, mode], {
    env: { SNAKEDEN_DATA_DIR: dataDir, SNAKEDEN_PYTHON: await devPython() },
  });
}

Deno.test("main.ts started after a SIGKILL ends the processes of the dead run outside its groups, and no others", async () => {
  await using dir = await tempDir();
  await using elsewhere = await tempDir();
  await using other = await serve(elsewhere.path);
  const spared = await execute(other.url, "spawn_daemon");
  await using first = await serve(dir.path);
  const daemon = await execute(first.url, "spawn_daemon");
  await kill(first);
  assert.equal(isAlive(daemon), true);
  // A stranger whose environment names another run.
  await using stranger = new MarkedProcess({ runId: "0".repeat(32) });
  await using second = await serve(dir.path);
  await until(() => !isAlive(daemon), "the daemon to be gone");
  await until(() => second.stderr.includes("killed 1 processes of runs"), "the log to say so");
  assert.deepEqual([isAlive(spared), stranger.alive], [true, true]);
  assert.equal(typeof await execute(other.url, "spawn_child"), "number");
  await until(
    () => [...Deno.readDirSync(`${dir.path}/run`)].length === 1,
    "the directory of the dead run to go",
  );
  // A host that stops in order ends its daemon too.
  other.kill("SIGTERM");
  await other.finished();
  assert.equal(isAlive(spared), false);
});

Deno.test("main.ts refuses a data directory that another server holds, and names the server", async () => {
  await using dir = await tempDir();
  await using first = await serve(dir.path);
  await assert.rejects(serve(dir.path), (error: Error) => {
    assert.match(error.message, new RegExp(`the host with process id ${first.pid} \\(run `));
    assert.match(error.message, /stop that host, or choose another data directory/);
    return true;
  });
  assert.equal(typeof await execute(first.url, "spawn_child"), "number");
});

Deno.test("runAsScript() works beside a server and beside another script on the same data directory", async () => {
  await using dir = await tempDir();
  await using server = await serve(dir.path);
  const [worker] = workersOf({ connect: dir.path });
  const scripts = await Promise.all([script(dir.path, "returns"), script(dir.path, "returns")]);
  for (const it of scripts) {
    const { code, stdout, stderr } = await it.finished();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^5$/m);
    assert.equal(stderr, "");
  }
  assert.deepEqual(workersOf({ connect: dir.path }), [worker]);
  assert.equal(typeof await execute(server.url, "spawn_child"), "number");
});

Deno.test("Snakeden.start() ends the processes of a script that was killed beside a server", async () => {
  await using dir = await tempDir();
  await using _server = await serve(dir.path);
  await using killed = await script(dir.path, "waits");
  await until(() => killed.stdout.includes("waiting"), "the script to run");
  const runs = [...Deno.readDirSync(`${dir.path}/run`)].map(({ name }) => name);
  await kill(killed);
  // Processes that such a worker might have left; the script had no store to record them.
  const left = runs.map((runId) => new MarkedProcess({ runId }));
  await using _left = new AsyncDisposableStack();
  for (const it of left) _left.use(it);
  await using _den = await startDen({ adapter: "snakeden.demo", size: 1 }, { dataDir: dir.path });
  await until(() => left.filter((it) => !it.alive).length === 1, "that of the script to be gone");
  // The run of the server lives, and so do the processes with its mark.
  assert.equal(left.filter((it) => it.alive).length, 1);
});

Deno.test("Snakeden.store.processes() lists the workers with pid, group and start time, and the store keeps them", async () => {
  await using dir = await tempDir();
  const den = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
  const rows = await until(() => {
    const rows = den.store.processes();
    return rows.every(({ startTime }) => startTime !== undefined) && rows;
  }, "the start times");
  assert.deepEqual(rows.map(({ pid }) => pid).sort(), workersOf({ runId: den.runId }).sort());
  for (const row of rows) {
    assert.deepEqual([row.state, row.runId, row.group], ["active", den.runId, row.pid]);
    assert.match(row.startTime ?? "", /^[0-9a-f-]{36}\/\d+$/);
  }
  assert.deepEqual(await den.store.report(), { state: "open", setAside: [] });
  await den.stop();
  assert.deepEqual(den.store.processes(), []);
});

Deno.test("Snakeden.start() and stop() twenty times leave no row and no process, also when workers die meanwhile", async () => {
  await using dir = await tempDir();
  for (let round = 0; round < 20; round++) {
    await using den = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
    const [worker] = den.workers.list();
    if (round % 4 === 0 && worker?.pid !== undefined) signalPid(worker.pid, "SIGKILL");
    if (round % 4 === 1) void den.stop({ drainMs: 0 });
    await den.stop();
    assert.deepEqual(workersOf({ runId: den.runId }), []);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual(store.deadProcesses, []);
  assert.deepEqual([...Deno.readDirSync(`${dir.path}/run`)], []);
});

Deno.test("Snakeden.stop() ends children that have made a session of their own", async () => {
  await using den = await startDen({ adapter: "forks_children", size: 1 });
  const daemon = await den.execute<number>("spawn_daemon");
  await den.stop();
  assert.equal(isAlive(daemon), false);
});

Deno.test("main.ts killed at random moments, even while it starts, leaves nothing that the next run does not end", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  const pool = { name: "default", size: 3, adapter: "forks_children", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  const python = await devPython();
  const daemons: number[] = [];
  for (let round = 0; round < 6; round++) {
    await using server = new HostProcess([
      ...SERVE,
      `--allow-write=/tmp,${dir.path}`,
      "main.ts",
    ], {
      env: {
        SNAKEDEN_PORT: "0",
        SNAKEDEN_DATA_DIR: dir.path,
        SNAKEDEN_CONFIG: config,
        SNAKEDEN_PYTHON: python,
      },
    });
    // At any time after the first worker: before it is ready, while others start, or when it
    // serves.
    await until(() => workersOf({ connect: dir.path }).length > round % 3, "a worker");
    const url = /^listening on (\S+)$/m.exec(server.stdout)?.[1];
    if (url !== undefined) daemons.push(await execute(url, "spawn_daemon"));
    await kill(server);
  }
  await using last = await serve(dir.path);
  await until(() => daemons.every((pid) => !isAlive(pid)), "all daemons to be gone");
  assert.equal(workersOf({ connect: dir.path }).length, 1);
  last.kill("SIGTERM");
  assert.equal((await last.finished()).code, 0);
  await using store = await openStore(dir.path);
  assert.deepEqual(store.deadProcesses, []);
});

Deno.test("main.ts starts with an empty store if the old one is broken, and says where it was moved", async () => {
  await using dir = await tempDir();
  {
    await using first = await serve(dir.path);
    first.kill("SIGTERM");
    await first.finished();
  }
  const path = KvStore.pathIn(dir.path);
  Deno.truncateSync(path, 5_000);
  await using second = await serve(dir.path);
  assert.match(
    second.stderr,
    /ERROR store +the database \S+kv\.sqlite3 cannot be used and was moved to \S+kv\.sqlite3\.corrupt-\S+; starting with an empty one: /,
  );
});
