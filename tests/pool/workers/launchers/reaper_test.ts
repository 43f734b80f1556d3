/** Tests the reaper with real processes: what forks that fail leave behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../../../scripts/dev_python.ts";
import { ForkError } from "../../../../src/pool/workers/launchers/template/forked_workers.ts";
import { Reaper } from "../../../../src/pool/workers/launchers/template/reaper.ts";
import { packagePath } from "../../../../src/python_env/mod.ts";
import { processesWith, tempDir } from "../../../fixtures/host.ts";
import { until } from "../../../fixtures/until.ts";

const FORKS = 30;

/** Starts a reaper whose template has preloaded this code. */
async function start(
  code: string,
): Promise<AsyncDisposable & { reaper: Reaper; template: number; mark: string }> {
  const dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "preloaded.py"), code);
  const mark = crypto.randomUUID();
  const reaper = await Reaper.start({
    pool: "p",
    command: [await devPython(), join(packagePath(), "snakeden", "worker.py")],
    env: { MARK: mark },
    runDirectory: dir.path,
    settings: {
      preload: ["preloaded"],
      adapters: ["none"],
      modulePaths: [dir.path],
      carrier: "socket",
    },
  }, new AbortController().signal);
  const started = await reaper.startTemplate(60_000);
  assert.ok("pid" in started, JSON.stringify(started));
  return {
    reaper,
    mark,
    template: started.pid,
    [Symbol.asyncDispose]: async () => {
      await reaper.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function descriptorsOf(pid: number): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => `${pid}/${name}`);
}

const NEVER = new AbortController().signal;

for (
  const { what, code, incarnation = "w", signal = NEVER, fails } of [
    {
      what: "the kernel refuses",
      code: "import os\ndef fork():\n    raise OSError(11, 'no more processes')\nos.fork = fork\n",
      fails: /cannot fork: no more processes/,
    },
    {
      what: "whose child dies before it is a worker",
      code: "import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))\n",
      fails: /the worker ended before it said anything/,
    },
    {
      what: "whose child cannot become a worker",
      code: "import os\ndef fail():\n    raise PermissionError(1, 'no')\nos.setsid = fail\n",
      fails: /the worker ended before it said anything/,
    },
    {
      what: "whose standard input cannot be made",
      code: "",
      incarnation: "nowhere/w",
      fails: /No such file or directory/,
    },
    {
      what: "that is not wanted any more",
      code: "",
      signal: AbortSignal.abort(new Error("given up")),
      fails: /given up/,
    },
  ]
) {
  Deno.test(`Reaper.fork() leaves no descriptor and no process after a fork ${what}`, async () => {
    await using started = await start(code);
    const { reaper, template, mark } = started;
    const fork = (i: number): Promise<void> =>
      assert.rejects(reaper.fork({ incarnation: `${incarnation}${i}`, env: {} }, signal), fails);
    const pids = [reaper.pid, template];
    await fork(0);
    const before = await settled(pids, 0);
    for (let i = 1; i <= FORKS; i++) await fork(i);
    const after = await settled(pids, before.length);
    assert.ok(after.length <= before.length, after.join("\n"));
    await until(() => processesWith(mark).length === 2, "the forks to be gone");
  });
}

Deno.test("Reaper.fork() closes the connections that it has made when another one fails", async () => {
  await using started = await start("");
  const { reaper } = started;
  const connect = Deno.connect;
  let count = 0;
  Deno.connect = ((options: Deno.UnixConnectOptions) => {
    if (++count % 2 === 1) return Promise.reject(new Deno.errors.PermissionDenied("no more"));
    return connect(options);
  }) as typeof Deno.connect;
  try {
    const fork = (i: number): Promise<void> =>
      assert.rejects(reaper.fork({ incarnation: `w${i}`, env: {} }, NEVER), ForkError);
    await fork(0);
    const before = await settled([reaper.pid], 0);
    for (let i = 1; i <= FORKS; i++) await fork(i);
    assert.ok((await settled([reaper.pid], before.length)).length <= before.length);
  } finally {
    Deno.connect = connect;
  }
});

/** Returns the descriptors of processes once there are as few as expected, or after 100 looks. */
async function settled(pids: readonly number[], most: number): Promise<string[]> {
  let found = pids.flatMap(descriptorsOf);
  for (let looks = 0; looks < 100 && found.length > most; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const next = pids.flatMap(descriptorsOf);
    if (next.length < found.length) looks = 0;
    found = next;
    if (most === 0 && looks >= 20) break;
  }
  return found;
}
