/** Tests what is particular to the launcher `prefork`: its template, and what becomes of it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Snakeden } from "../../mod.ts";
import { WorkerCrashedError } from "../../src/errors.ts";
import { devPython } from "../../scripts/dev_python.ts";
import {
  HostProcess,
  isAlive,
  processesWith,
  ROOT,
  startDen,
  tempDir,
  workersOf,
} from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until, untilText } from "../fixtures/until.ts";

type PoolInit = NonNullable<Parameters<typeof startDen>[0]>;

const ADAPTER = `
import os, signal, sys, time
from snakeden import tool

@tool
def heavy() -> list[object]:
    module = sys.modules.get("heavy")
    return [getattr(module, "PID", 0), getattr(module, "VALUE", None), os.getppid()]

@tool
def stay(seconds: float) -> str:
    time.sleep(seconds)
    return "stayed"

@tool
def stay_until(path: str) -> str:
    while not os.path.exists(path):
        time.sleep(0.01)
    return "stayed"

@tool
def speak() -> str:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    os.write(1, b"past Python\\n")
    return "spoke"

@tool
def speak_and_die(path: str, name: str) -> None:
    stay_until(path)
    speak()
    die(name)

@tool
def die(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)
`;

/** Counts how often the state of a process is read while the event loop waits. */
function countReads(pid: number): () => number {
  const read = Deno.readTextFileSync;
  let count = 0;
  Deno.readTextFileSync = (path) => {
    if (path === `/proc/${pid}/stat`) count++;
    return read(path);
  };
  return () => {
    Deno.readTextFileSync = read;
    return count;
  };
}

/** Makes a folder with an adapter, and a module to preload. */
async function project(heavy: string): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "work.py"), ADAPTER);
  await Deno.writeTextFile(join(dir.path, "heavy.py"), heavy);
  return dir;
}

function poolIn(path: string, init: PoolInit = {}): PoolInit {
  const base: PoolInit = { launcher: "prefork", preload: ["heavy"], size: 1, adapter: "work" };
  return { ...base, modulePaths: [path], ...init };
}

const HEAVY = "import os\nPID = os.getpid()\nVALUE = 1\n";

function templateOf(den: Snakeden): number | undefined {
  return den.pools.list()[0]?.template?.pid;
}

/** Waits until a pool has a worker of another template. */
async function untilRenewed(den: Snakeden, old: number): Promise<number> {
  return await until(
    () => {
      const pid = templateOf(den);
      return pid !== undefined && pid !== old ? pid : undefined;
    },
    "another template",
    { timeoutMs: 60_000 },
  );
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a preloaded module is imported once, by a template that is no worker (${carrier})`, async () => {
    await using dir = await project(HEAVY);
    await using den = await startDen(poolIn(dir.path, { size: 3, carrier }));
    await den.health.awaitReady({ timeoutMs: 60_000 });
    const [pool] = den.pools.list();
    const template = pool?.template;
    assert.ok(template !== undefined && template.rssBytes > 1 << 20, JSON.stringify(template));
    assert.deepEqual([pool?.launcher, pool?.launcherFallback], ["prefork", undefined]);
    const workers = den.workers.list();
    assert.deepEqual(workers.map((it) => it.launcher), ["prefork", "prefork", "prefork"]);
    assert.ok(!workers.some((it) => it.pid === template.pid));
    assert.deepEqual(await den.execute("heavy"), [template.pid, 1, template.pid]);
    await den.stop();
    assert.deepEqual(workersOf(den), []);
  });
}

Deno.test("kill -9 of the template fails no call, ends are told exactly, and another one starts", async () => {
  await using sink = new LogSink();
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const template = templateOf(den) ?? 0;
  const [worker] = den.workers.list();
  const running = den.execute("stay", { seconds: 1 });
  signalPid(template, "SIGKILL");
  const next = await untilRenewed(den, template);
  assert.equal(await running, "stayed");
  assert.equal(den.workers.list()[0]?.pid, worker?.pid);
  await assert.rejects(den.execute("die", { name: "SIGSEGV" }), (error) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.deepEqual(error.exit.signal, "SIGSEGV");
    return true;
  });
  assert.deepEqual(await den.execute("heavy"), [next, 1, next]);
  assert.equal(den.workers.list()[0]?.launcher, "prefork");
  assert.match(await sink.text(), /the template of pool default is gone.*signal SIGKILL/);
});

Deno.test("a template that is stopped is replaced, and the ends of its workers are told", async () => {
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const template = templateOf(den) ?? 0;
  signalPid(template, "SIGSTOP");
  await assert.rejects(den.execute("die", { name: "SIGABRT" }), (error) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.equal(error.exit.signal, "SIGABRT");
    return true;
  });
  const next = await untilRenewed(den, template);
  assert.deepEqual(await den.execute("heavy"), [next, 1, next]);
});

Deno.test("kill -9 of a reaper fails no call, and each of its workers gets a successor of another one", async () => {
  await using sink = new LogSink();
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path, { size: 2 }));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const template = templateOf(den) ?? 0;
  const path = join(dir.path, "go-on");
  const running = den.execute("stay_until", { path });
  const busy = await until(() => den.workers.list().find((it) => it.begun === 1), "a busy worker");
  const idle = den.workers.list().find((it) => it.id !== busy.id);
  const orphans = [busy.pid, idle?.pid];
  signalPid(parentOf(template), "SIGKILL");
  const next = await untilRenewed(den, template);
  assert.ok(!isAlive(template));
  await until(() => !isAlive(idle?.pid ?? 0), "the idle worker to end");
  await until(
    () => {
      const serving = den.workers.list().filter((it) => it.state === "ready");
      return serving.length === 2 && !serving.some((it) => orphans.includes(it.pid));
    },
    "two successors",
    { timeoutMs: 60_000 },
  );
  // Calls that have begun end in their worker.
  const old = den.workers.list().find((it) => it.pid === busy.pid);
  assert.deepEqual([old?.state, old?.replaceCause], ["stopping", "reaper_lost"]);
  assert.ok(isAlive(busy.pid ?? 0));
  await Deno.writeTextFile(path, "now");
  assert.equal(await running, "stayed");
  await until(() => !isAlive(busy.pid ?? 0), "the busy worker to end");
  await until(() => den.workers.list().length === 2, "the end of the busy worker to be noticed");
  for (const it of den.workers.list()) {
    assert.deepEqual([it.launcher, parentOf(it.pid ?? 0)], ["prefork", next]);
  }
  assert.equal(await den.execute("speak"), "spoke");
  await until(async () => /to stdout/.test(await sink.text()), "what a successor prints");
  const replaced = (await sink.text()).match(/replacing default-\d: the reaper .* was killed/g);
  assert.equal(replaced?.length, 2);
});

Deno.test("a worker without a reaper prints and dies as others do, and the host waits for its end asynchronously", async () => {
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const template = templateOf(den) ?? 0;
  const path = join(dir.path, "go-on");
  const reads = countReads(den.workers.list()[0]?.pid ?? 0);
  const dying = den.execute("speak_and_die", { path, name: "SIGSEGV" });
  await until(() => den.workers.list()[0]?.begun === 1, "the call to begin");
  signalPid(parentOf(template), "SIGKILL");
  const next = await untilRenewed(den, template);
  await Deno.writeTextFile(path, "now");
  // Nobody can say any more how it ended.
  await assert.rejects(dying, {
    code: "worker_crashed",
    message: /worker default-1 ended with an unknown exit status/,
  });
  assert.equal(reads(), 0);
  assert.deepEqual(await den.execute("heavy"), [next, 1, next]);
});

Deno.test("a change of a preloaded module renews the template, and calls run the new code", async () => {
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path), { dev: true });
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const template = templateOf(den) ?? 0;
  await Deno.writeTextFile(join(dir.path, "heavy.py"), HEAVY.replace("1", "2"));
  const next = await untilRenewed(den, template);
  await until(async () => (await den.execute("heavy") as unknown[])[1] === 2, "the new code");
  assert.deepEqual((await den.execute("heavy") as unknown[])[0], next);
  await until(() => den.pools.list()[0]?.reload?.state === "loaded", "the reload");
  await until(() => !isAlive(template), "the old template to end");
});

for (
  const { what, heavy, says, startTimeoutMs = 60_000 } of [
    {
      what: "raises",
      heavy: "raise ValueError('no weights')",
      says: /heavy raised ValueError: no weights/,
    },
    {
      what: "misses a module",
      heavy: "import nowhere",
      says: /ModuleNotFoundError: No module named/,
    },
    {
      what: "misses a module whose package has another name",
      heavy: "import cv2",
      says: /No module named 'cv2'; its package is opencv-python/,
    },
    {
      what: "calls sys.exit",
      heavy: "import sys; sys.exit(3)",
      says: /heavy raised SystemExit: 3/,
    },
    {
      what: "calls os._exit",
      heavy: "import os\nos._exit(7)",
      says: /ended with exit code 7 while it preloaded heavy/,
    },
    {
      what: "takes for ever",
      heavy: "import time; time.sleep(600)",
      says: /the preload of heavy took longer than startTimeoutMs, 6000 ms/,
      startTimeoutMs: 6_000,
    },
    {
      what: "starts a thread",
      heavy: "import threading, time\n" +
        "threading.Thread(target=time.sleep, args=(600,), name='poller', daemon=True).start()",
      says: /it has started 1 thread \(poller\)/,
    },
    {
      what: "opens CUDA",
      heavy: "import sys, types\ntorch = types.ModuleType('torch')\n" +
        "torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)\n" +
        "torch.seed = lambda: None\nsys.modules['torch'] = torch",
      says: /it has initialized CUDA/,
    },
  ]
) {
  Deno.test(`a preload that ${what} makes the pool spawn its workers, and say so`, async () => {
    await using sink = new LogSink();
    await using dir = await project(heavy);
    await using den = await startDen(poolIn(dir.path, { size: 2, startTimeoutMs }));
    await den.health.awaitReady({ timeoutMs: 60_000 });
    const [pool] = den.pools.list();
    assert.match(pool?.launcherFallback ?? "", says);
    assert.deepEqual([pool?.launcher, pool?.template], ["prefork", undefined]);
    assert.deepEqual(den.workers.list().map((it) => it.launcher), ["spawn", "spawn"]);
    assert.equal(await den.execute("stay", { seconds: 0 }), "stayed");
    const warnings = (await sink.text()).match(/WARN .*are spawned, and not forked/g);
    assert.equal(warnings?.length, 1);
  });
}

Deno.test("a worker that waits for what a preload has locked cannot start, and the error says why", async () => {
  await using dir = await project("import threading\nLOCK = threading.Lock()\nLOCK.acquire()\n");
  await Deno.writeTextFile(
    join(dir.path, "work.py"),
    `${ADAPTER}\nimport heavy as it\nwith it.LOCK: pass\n`,
  );
  await using den = await startDen(poolIn(dir.path, { startTimeoutMs: 5_000 }));
  await assert.rejects(den.health.awaitReady({ timeoutMs: 60_000 }), {
    message: /after 5000 ms .*It was forked: a lock that a preloaded module held/,
  });
});

Deno.test("a preload that closes the standard streams leaves workers theirs", async () => {
  await using sink = new LogSink();
  await using dir = await project(`${HEAVY}for it in (0, 1, 2): os.close(it)\n`);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  assert.equal(den.workers.list()[0]?.launcher, "prefork");
  assert.equal(await den.execute("speak"), "spoke");
  for (const line of ["to stdout", "to stderr", "past Python"]) {
    await until(async () => (await sink.text()).includes(line), line);
  }
});

const ENDLESS = "import os, time\n" +
  "open(os.path.join(os.path.dirname(__file__), 'begun'), 'w').write('1')\ntime.sleep(600)\n";

Deno.test("a start that is given up while a template preloads ends at once, and leaves no process", async () => {
  await using dir = await project(ENDLESS);
  const data = join(dir.path, "data");
  const { signal, abort } = abortable();
  const starting = startDen(poolIn(dir.path, { startTimeoutMs: 600_000 }), {
    dataDir: data,
    signal,
  });
  let isOver = false;
  const refused = assert.rejects(starting, /given up/).then(() => isOver = true);
  await untilText(join(dir.path, "begun"));
  assert.notDeepEqual(workersOf({ connect: data }), []);
  abort();
  await until(() => isOver, "the end", { timeoutMs: 10_000 });
  await refused;
  assert.deepEqual(workersOf({ connect: data }), []);
});

Deno.test("a host that stops while a template preloads ends at once, and leaves no process", async () => {
  await using dir = await project(ENDLESS);
  const elastic = { size: undefined, min: 0, max: 1 };
  await using den = await startDen(poolIn(dir.path, { startTimeoutMs: 600_000, ...elastic }));
  const refused = assert.rejects(den.execute("heavy"), { code: "shutting_down" });
  await untilText(join(dir.path, "begun"));
  assert.notDeepEqual(workersOf(den), []);
  let isOver = false;
  const stopped = den.stop().then(() => isOver = true);
  await until(() => isOver, "the end", { timeoutMs: 10_000 });
  await Promise.all([stopped, refused]);
  assert.deepEqual(workersOf(den), []);
});

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("given up")) };
}

Deno.test("a pool that has spawned its workers forks them once the preload is mended", async () => {
  await using dir = await project("raise ValueError('not yet')");
  await using den = await startDen(poolIn(dir.path), { dev: true });
  await den.health.awaitReady({ timeoutMs: 60_000 });
  assert.equal(den.workers.list()[0]?.launcher, "spawn");
  await Deno.writeTextFile(join(dir.path, "heavy.py"), HEAVY);
  await until(() => den.workers.list().some((it) => it.launcher === "prefork"), "a fork", {
    timeoutMs: 60_000,
  });
  assert.equal(den.pools.list()[0]?.launcherFallback, undefined);
});

Deno.test("handlers of at-fork run in each worker, and locks of logging are free there", async () => {
  const heavy = "import logging, os\nPID = os.getpid()\nVALUE = 0\n" +
    "logging.getLogger().addHandler(logging.StreamHandler())\n" +
    "def forked():\n    global VALUE\n    VALUE += 1\n    logging.warning('forked')\n" +
    "os.register_at_fork(after_in_child=forked)\n" +
    "logging._lock.acquire()\n";
  await using dir = await project(heavy);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  assert.equal(den.workers.list()[0]?.launcher, "prefork");
  assert.equal((await den.execute("heavy") as unknown[])[1], 1);
});

Deno.test("the process of a template is recorded while it lives", async () => {
  await using dir = await project(HEAVY);
  await using den = await startDen(poolIn(dir.path));
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const rows = den.store.processes().filter((it) => it.workerId === "default-template");
  assert.deepEqual(rows.map((it) => it.pid), [parentOf(templateOf(den) ?? 0)]);
  await den.stop();
  assert.deepEqual(den.store.processes(), []);
});

Deno.test("kill -9 of the host ends a template that is stopped, or busy in native code", async () => {
  const heavy = "import ctypes, os\nprint('preloads', flush=True)\n" +
    "ctypes.PyDLL(None).usleep(600_000_000)\n";
  await using dir = await project(heavy);
  const pools = [
    { name: "busy", ...poolIn(dir.path) },
    { name: "stopped", ...poolIn(dir.path, { preload: ["json"] }) },
  ];
  const dataDir = join(dir.path, "data");
  const env = { SNAKEDEN_CONFIG_JSON: JSON.stringify({ pools }) };
  // The server does not listen before its pools have tried to start.
  const server = new HostProcess(
    ["run", "-A", join(ROOT, "main.ts")],
    {
      env: {
        ...env,
        SNAKEDEN_PORT: "0",
        SNAKEDEN_DATA_DIR: dataDir,
        SNAKEDEN_PYTHON: await devPython(),
        PATH: Deno.env.get("PATH") ?? "",
        HOME: Deno.env.get("HOME") ?? "",
      },
    },
  );
  await using _server = server;
  await until(
    () =>
      /preloads/.test(server.stdout + server.stderr) &&
      /stopped-1 is ready/.test(server.stdout + server.stderr),
    "both templates to run",
    { timeoutMs: 60_000 },
  );
  const mark = `SNAKEDEN_ADDRESS=unix:${dataDir}/`;
  // The reapers, which would notice the end of the host, and all else.
  const all = processesWith(mark);
  for (const pid of all) {
    if (processesWith(mark).includes(parentOf(pid))) signalPid(parentOf(pid), "SIGSTOP");
  }
  server.kill("SIGKILL");
  await server.finished();
  await until(() => processesWith(mark).length === 0, "all processes to end");
});

function parentOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}
