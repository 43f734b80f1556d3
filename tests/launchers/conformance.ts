/**
 * The contract of every launcher, as tests with real workers: what a tool sees of its process, how
 * each end is told, and that nothing is left. An entry in `LAUNCHERS` runs them for a new launcher.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Snakeden } from "../../mod.ts";
import { WorkerCrashedError } from "../../src/errors.ts";
import type { LauncherName } from "../../src/pool/mod.ts";
import { packagePath } from "../../src/python_env/mod.ts";
import {
  ADAPTERS,
  isAlive,
  processesWith,
  ServerProcess,
  startDen,
  tempDir,
  workersOf,
} from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";

type PoolInit = NonNullable<Parameters<typeof startDen>[0]>;

interface Process {
  readonly pid: number;
  readonly [field: string]: unknown;
}

/** Runs the contract for one launcher over one carrier. */
export function testLauncher(launcher: LauncherName, carrier: "socket" | "grpc"): void {
  const pool: PoolInit = { adapter: "launched", size: 1, launcher, carrier };
  const test = (name: string, run: () => Promise<void>): void =>
    Deno.test(`launcher ${launcher} (${carrier}): ${name}`, run);

  const markOf = (dataDir: string): string =>
    `SNAKEDEN_ADDRESS=${carrier === "grpc" ? "grpc+" : ""}unix:${dataDir}/`;

  async function withDen(
    init: PoolInit,
    use: (den: Snakeden) => Promise<void>,
  ): Promise<void> {
    await using den = await startDen({ ...pool, ...init });
    await use(den);
    await den.stop();
    assert.deepEqual(workersOf(den), []);
  }

  async function ready(den: Snakeden): Promise<void> {
    await den.health.awaitReady({ timeoutMs: 60_000 });
    for (const it of den.workers.list()) assert.equal(it.launcher, launcher);
    assert.equal(den.pools.list()[0]?.launcherFallback, undefined);
  }

  test("a worker leads a group and a session, and a tool sees a program without arguments", async () => {
    await withDen({}, async (den) => {
      await ready(den);
      const seen = await den.execute("process") as Process;
      assert.equal(seen.pid, den.workers.list()[0]?.pid);
      const file = join(packagePath(), "snakeden", "worker.py");
      const expected = {
        group: seen.pid,
        session: seen.pid,
        argv: [file],
        main: ["__main__", file],
        cwd: Deno.cwd(),
        private: ["SNAKEDEN_INCARNATION", "SNAKEDEN_RUN_ID", "SNAKEDEN_WORKER_ID"],
        worker: "default-1",
        stdin: "/dev/null",
        isPipe: [true, true],
        isMain: true,
        signals: ["0", "0"],
        mask: [],
      };
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(seen[key], value, key);
    });
  });

  test("each worker has its own environment, device, limits and random numbers", async () => {
    await withDen(
      { size: 2, limits: { openFiles: 200, nice: 3 }, env: { ONE: "1" } },
      async (den) => {
        await ready(den);
        const [one, two] = den.workers.list();
        assert.notEqual(one?.pid, two?.pid);
        const seen = await onBoth(den, "process") as Process[];
        assert.deepEqual(seen.map((it) => it.worker).sort(), ["default-1", "default-2"]);
        for (const it of seen) assert.deepEqual([it.files, it.nice], [200, ownNice() + 3]);
        const values = await onBoth(den, "random_values") as string[][];
        for (const [i, value] of (values[0] ?? []).entries()) {
          assert.notEqual(value, values[1]?.[i], `generator ${i}`);
        }
      },
    );
  });

  test("a worker has no descriptor of another worker or of the host", async () => {
    await withDen({ size: 3 }, async (den) => {
      await ready(den);
      const open = await den.execute("descriptors") as string[];
      const sockets = open.filter((it) => it.startsWith("socket:"));
      assert.ok(sockets.length <= 1, open.join(" "));
      // stdin, stdout and stderr once more, and the pipe that wakes the reader.
      const pipes = new Set(open.filter((it) => /pipe:|\.guard/.test(it)));
      assert.ok(pipes.size <= 4 + 2, open.join(" "));
    });
  });

  test("what is written on every way reaches the log with the call", async () => {
    await using sink = new LogSink();
    await withDen({}, async (den) => {
      await ready(den);
      await den.execute("say", { text: "hello" });
      for (const way of ["print", "stderr", "descriptor", "log", "child", "file"]) {
        const line = new RegExp(`hello ${way} .*workerId=default-1`);
        await until(async () => line.test(await sink.text()), `the line by ${way}`);
      }
      assert.equal(await den.execute("flood", { count: 5_000 }), 5_000);
    });
    assert.match(await sink.text(), /torn down/);
  });

  for (
    const { way, value = "", exit, kind } of [
      { way: "exit", value: "7", exit: [7, null], kind: "exit" },
      { way: "exit", value: "0", exit: [0, null], kind: "exit" },
      { way: "exit", value: "3", exit: [3, null], kind: "exit" },
      { way: "signal", value: "SIGKILL", exit: [null, "SIGKILL"], kind: "killed" },
      { way: "signal", value: "SIGXCPU", exit: [null, "SIGXCPU"], kind: "cpu_limit" },
      { way: "segfault", exit: [null, "SIGSEGV"], kind: "segfault" },
      { way: "abort", exit: [null, "SIGABRT"], kind: "abort" },
      { way: "words", value: "MemoryError: no room", exit: [1, null], kind: "out_of_memory" },
    ]
  ) {
    test(`a worker that ends by ${way} ${value} fails its call with ${kind}`, async () => {
      await withDen({}, async (den) => {
        await ready(den);
        await assert.rejects(den.execute("end", { way, value }), (error) => {
          assert.ok(error instanceof WorkerCrashedError, String(error));
          assert.deepEqual([error.exit.exitCode, error.exit.signal], exit);
          assert.equal((error.details.crash as { kind: string } | undefined)?.kind, kind);
          return true;
        });
        assert.equal(await den.execute("stay", { seconds: 0 }), "stayed");
        await ready(den);
      });
    });
  }

  test("what a worker has started ends with it", async () => {
    await withDen({}, async (den) => {
      await ready(den);
      const children = [
        await den.execute("start_child") as number,
        await den.execute("fork_child") as number,
      ];
      assert.ok(children.every(isAlive));
      await den.execute("end", { way: "exit", value: "1" }).catch(() => {});
      for (const pid of children) await until(() => !isAlive(pid), "a child to end");
    });
  });

  for (
    const { at, says } of [
      { at: "raise:no licence", says: /raised ValueError.*: no licence/ },
      { at: "sys.exit:7", says: /SystemExit: 7/ },
      { at: "exit:9", says: /ended with exit code 9 before it was ready; last output: leaving/ },
      { at: "signal:SIGKILL", says: /ended with signal SIGKILL \(killed.* before it was ready/ },
      { at: "signal:SIGSEGV", says: /ended with signal SIGSEGV \(a crash.* before it was ready/ },
    ]
  ) {
    test(`a worker that cannot start (${at}) makes its pool unhealthy with the reason`, async () => {
      await withDen({ env: { AT_IMPORT: at } }, (den) => {
        const [shown] = den.pools.list();
        assert.equal(shown?.state, "unhealthy");
        assert.match(shown?.reason ?? "", /^Cannot start worker default-1: /);
        assert.match(shown?.reason ?? "", says);
        assert.equal(shown?.launcherFallback, undefined);
        return Promise.resolve();
      });
    });
  }

  test("a worker that takes longer than startTimeoutMs is ended, and the reason says what it did", async () => {
    const init = { env: { AT_IMPORT: "sleep:600" }, startTimeoutMs: 8_000 };
    await withDen(init, (den) => {
      const reason = den.pools.list()[0]?.reason ?? "";
      assert.match(reason, /after 8000 ms its adapter is still being loaded/);
      assert.match(reason, /last output: still importing/);
      return Promise.resolve();
    });
  });

  test("a start that is given up leaves nothing", async () => {
    await using sink = new LogSink();
    await using dir = await tempDir();
    const giveUp = new AbortController();
    const init = { ...pool, env: { AT_IMPORT: "sleep:600" } };
    const starting = startDen(init, { dataDir: dir.path, signal: giveUp.signal });
    starting.catch(() => {});
    await until(async () => (await sink.text()).includes("still importing"), "the import", {
      timeoutMs: 60_000,
    });
    const before = processesWith(markOf(dir.path));
    assert.ok(before.length > 0);
    giveUp.abort(new Error("given up"));
    await assert.rejects(starting, /given up/);
    assert.deepEqual(processesWith(markOf(dir.path)), []);
  });

  test("kill -9 of the host ends its workers and all else at once, also in native code", async () => {
    await using dir = await tempDir();
    const pools = [{ name: "default", ...pool, size: 2, modulePaths: [ADAPTERS] }];
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_CONFIG_JSON: JSON.stringify({ pools }) },
    });
    const calls = ["stay", "stay_in_native_code"].map((tool) => execute(server.url, tool));
    await until(async () => await busyWorkers(server.url) === 2, "both calls to run");
    const mark = markOf(dir.path);
    assert.ok(processesWith(mark).length >= 2);
    server.kill("SIGKILL");
    await server.finished();
    await Promise.all(calls);
    await until(() => processesWith(mark).length === 0, "all processes to end");
  });
}

/** Returns the nice value of this process. */
function ownNice(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}

/** Runs a call in each of two workers. */
async function onBoth(den: Snakeden, tool: string): Promise<unknown[]> {
  const [one, two] = ["a", "b"].map((sessionId) => ({ sessionId }));
  const hold = den.execute("stay", { seconds: 0.3 }, one);
  const second = await den.execute(tool, {}, two);
  await hold;
  return [await den.execute(tool, {}, one), second];
}

/** Calls a tool of a server that ends before it answers. */
async function execute(url: string, tool: string): Promise<void> {
  await fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool, args: { seconds: 600 }, timeoutMs: 600_000 }),
  }).then((it) => it.text()).catch(() => {});
}

async function busyWorkers(url: string): Promise<number> {
  const { workers } = await (await fetch(`${url}/v1/workers`)).json();
  return workers.filter(({ state }: { state: string }) => state === "busy").length;
}
