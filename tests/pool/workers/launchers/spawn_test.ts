import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { BridgeServer } from "../../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../../src/errors.ts";
import type { Place } from "../../../../src/hardware/mod.ts";
import { type LaunchedWorker, SpawnLauncher } from "../../../../src/pool/mod.ts";
import type { SpawnOptions } from "../../../../src/pool/workers/launchers/spawn.ts";
import { isRunning } from "../../../../src/process/process_group.ts";
import { dialWorker, hello } from "../../../bridge/dialed_worker.ts";
import { fakeDevice } from "../../../fixtures/fakes/fake_place.ts";
import { signalPid } from "../../../fixtures/processes/signals.ts";
import { until } from "../../../fixtures/until.ts";

const NEVER = new AbortController().signal;

/** Tells the test its token, address and pid, and waits; the test then speaks for it. */
const TELLS_TOKEN = 'echo "token $SNAKEDEN_TOKEN"; echo "pid $$"; echo "args $*"; exec sleep 60';

interface SetUp extends AsyncDisposable {
  readonly bridge: BridgeServer;
  readonly directory: string;
  readonly lines: string[];
  launch(signal?: AbortSignal, place?: Place): Promise<LaunchedWorker>;
  /** Resolves to the text that the process printed after this word. */
  said(word: string): Promise<string>;
}

/** A launcher whose interpreter is a shell script. */
async function setUp(script: string, options: Partial<SpawnOptions> = {}): Promise<SetUp> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  const executable = join(directory, "python");
  await Deno.writeTextFile(executable, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const bridge = await BridgeServer.listen(directory);
  const launcher = new SpawnLauncher({
    bridge,
    carrier: "socket",
    command: [executable, "worker.py"],
    env: { PATH: Deno.env.get("PATH") ?? "" },
    welcome: { adapters: ["texts:Texts"] },
    runDirectory: directory,
    startTimeoutMs: 60_000,
    ...options,
  });
  const lines: string[] = [];
  return {
    bridge,
    directory,
    lines,
    launch: (signal = NEVER, place) =>
      launcher.launch({
        workerId: "default-1",
        incarnation: "default-1.x",
        place,
        events: { onLog: () => {}, onClosed: () => {} },
        onLine: ({ text }) => lines.push(text),
      }, signal),
    async said(word): Promise<string> {
      const find = (): string | undefined => lines.find((it) => it.startsWith(`${word} `));
      await until(() => find() !== undefined, `the process has said ${word}`);
      return find()?.slice(word.length + 1) ?? "";
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await bridge[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The error of a launch, whose process is gone. */
async function failureOf(it: SetUp, launch: Promise<LaunchedWorker>): Promise<SnakedenError> {
  const error = await launch.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof SnakedenError, String(error));
  const pid = it.lines.find((line) => line.startsWith("pid "))?.slice(4);
  if (pid !== undefined) assert.ok(!isRunning(Number(pid)), "the process is left");
  return error;
}

Deno.test("SpawnLauncher.launch() resolves when the worker has said hello and is ready", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token"), { pythonVersion: "3.13.0" }));
  assert.deepEqual((await worker.hear("welcome")).adapters, ["texts:Texts"]);
  worker.say({ ready: { tools: [{ name: "classify" }] } });
  const { link, ready, process } = await launched;
  assert.equal(link.hello.pythonVersion, "3.13.0");
  assert.equal(ready.tools[0]?.name, "classify");
  assert.equal(String(process.pid), await it.said("pid"));
  assert.equal(await it.said("args"), "worker.py");
  await process.kill();
});

Deno.test("SpawnLauncher.launch() reports the exit and the output of a process that was never ready", async () => {
  await using it = await setUp("echo pid $$; echo 'No module named snakeden' >&2; exit 1");
  const error = await failureOf(it, it.launch());
  assert.equal(error.code, "worker_start_failed");
  assert.match(
    error.message,
    /^Cannot start worker default-1: it ended with exit code 1 before it was ready; last output: /,
  );
  assert.match(error.message, /No module named snakeden/);
});

Deno.test("SpawnLauncher.launch() reports an interpreter that cannot be run", async () => {
  await using it = await setUp("exit 0");
  const launcher = new SpawnLauncher({
    bridge: it.bridge,
    carrier: "socket",
    command: ["/nonexistent/python3"],
    env: {},
    welcome: {},
    runDirectory: it.directory,
    startTimeoutMs: 60_000,
  });
  const spec = {
    workerId: "default-1",
    incarnation: "x",
    events: { onLog: () => {}, onClosed: () => {} },
    onLine: () => {},
  };
  await assert.rejects(launcher.launch(spec, NEVER), {
    code: "worker_start_failed",
    message: /^Cannot start worker default-1: \/nonexistent\/python3 cannot be run: /,
  });
});

Deno.test("SpawnLauncher.launch() gives up a process that never says hello, and kills it", async () => {
  await using it = await setUp("trap '' TERM; echo pid $$; while :; do sleep 0.05; done", {
    startTimeoutMs: 100,
  });
  const error = await failureOf(it, it.launch());
  assert.match(error.message, /: after 100 ms it has not said hello; last output: pid \d+$/);
});

Deno.test("SpawnLauncher.launch() gives up a worker whose adapter is never ready, and names that stage", async () => {
  await using it = await setUp(TELLS_TOKEN, { startTimeoutMs: 400 });
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  const error = await failureOf(it, launched);
  assert.match(error.message, /after 400 ms its adapter is still being loaded/);
  await worker.ended();
});

Deno.test("SpawnLauncher.launch() reports why a worker cannot serve its adapter", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  await worker.hear("welcome");
  const python = { type: "ImportError", message: "no texts", traceback: "Traceback" };
  worker.say({
    startFailed: { error: { code: "worker_start_failed", message: "it raised", python } },
  });
  const error = await failureOf(it, launched);
  assert.equal(error.message, "Cannot start worker default-1: it raised\nTraceback");
  assert.deepStrictEqual({ ...(error.details.python as object) }, python);
});

Deno.test("SpawnLauncher.launch() reports the exit of a process whose link broke before it was ready", async () => {
  await using it = await setUp(
    "echo token $SNAKEDEN_TOKEN; trap 'exit 9' TERM; echo pid $$; while :; do sleep 0.01; done",
  );
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  const pid = Number(await it.said("pid"));
  await worker.hear("welcome");
  worker.end();
  signalPid(pid, "SIGTERM");
  const error = await failureOf(it, launched);
  assert.match(error.message, /it ended with exit code 9 before it was ready/);
});

Deno.test("SpawnLauncher.launch() distinguishes a version mismatch from other failures", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token"), { protocolVersion: 99 }));
  const error = await failureOf(it, launched);
  assert.equal(error.code, "protocol_mismatch");
  assert.match(error.message, /^Cannot start worker default-1: The worker speaks version 99/);
});

Deno.test("SpawnLauncher.launch() rejects with the reason of its signal at every stage, and kills the process", async () => {
  const reason = new Error("the pool stops");
  for (const stage of ["before", "spawned", "greeted"] as const) {
    await using it = await setUp(TELLS_TOKEN);
    const leaving = new AbortController();
    if (stage === "before") leaving.abort(reason);
    const launched = it.launch(leaving.signal);
    launched.catch(() => {});
    if (stage !== "before") await it.said("pid");
    await using resources = new AsyncDisposableStack();
    if (stage === "greeted") {
      const worker = resources.use(dialWorker(it.bridge.address("socket")));
      worker.say(hello(await it.said("token")));
      await worker.hear("welcome");
    }
    leaving.abort(reason);
    await assert.rejects(launched, reason);
    const pid = it.lines.find((line) => line.startsWith("pid "))?.slice(4);
    if (pid !== undefined) assert.ok(!isRunning(Number(pid)));
  }
});

Deno.test("SpawnLauncher.launch() gives the worker a progress file, and removes its name when the worker is ready", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  const { progressPath } = await worker.hear("welcome");
  assert.equal(dirname(progressPath), it.directory);
  assert.equal((await Deno.readFile(progressPath)).length, 64 + 2 * 131_072);
  using noted = await Deno.open(progressPath, { write: true });
  worker.say({ ready: { notesProgress: true } });
  const { progress, process } = await launched;
  await assert.rejects(Deno.stat(progressPath), Deno.errors.NotFound);
  assert.deepEqual(progress?.startedCalls(), [0]);
  noted.writeSync(new Uint8Array([5, 0, 0, 0]));
  assert.deepEqual(progress?.startedCalls(), [5]);
  progress?.[Symbol.dispose]();
  await process.kill();
});

Deno.test("SpawnLauncher.launch() keeps no file for a worker that does not note its progress", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  const { progressPath } = await worker.hear("welcome");
  worker.say({ ready: {} });
  const { progress, process } = await launched;
  assert.equal(progress, undefined);
  await assert.rejects(Deno.stat(progressPath), Deno.errors.NotFound);
  await process.kill();
});

Deno.test("SpawnLauncher.launch() keeps the file for a worker that notes items alone", async () => {
  await using it = await setUp(TELLS_TOKEN);
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  const { progressPath } = await worker.hear("welcome");
  using noted = await Deno.open(progressPath, { write: true });
  worker.say({ ready: { notesItems: true } });
  const { progress, record, process } = await launched;
  assert.equal(progress, undefined);
  noted.writeSync(new Uint8Array(new Uint32Array([...Array(8).fill(0), 3, 5]).buffer));
  assert.deepEqual(record?.bulkNotes().map(({ callId, item }) => [callId, item]), [[5, 3]]);
  record?.[Symbol.dispose]();
  await process.kill();
});

Deno.test("SpawnLauncher.launch() leaves no file when the start fails", async () => {
  await using it = await setUp("echo pid $$; exit 1");
  await failureOf(it, it.launch());
  const left = await Array.fromAsync(Deno.readDir(it.directory), ({ name }) => name);
  assert.deepStrictEqual(left.filter((name) => name.endsWith(".progress")), []);
});

Deno.test("SpawnLauncher.launch() starts a worker even if the file cannot be created", async () => {
  await using it = await setUp(TELLS_TOKEN);
  await Deno.writeTextFile(join(it.directory, "default-1.x.progress"), "in the way");
  const launched = it.launch();
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(await it.said("token")));
  assert.equal((await worker.hear("welcome")).progressPath, "");
  worker.say({ ready: { notesProgress: true } });
  const { progress, process } = await launched;
  assert.equal(progress, undefined);
  await process.kill();
});

Deno.test("SpawnLauncher.launch() gives the worker the environment of its place, and describes its device", async () => {
  const script = 'echo "cuda $CUDA_VISIBLE_DEVICES"; echo "user $MINE"; ' +
    'echo "device $SNAKEDEN_DEVICE"; exec sleep 60';
  await using it = await setUp(script, {
    env: { PATH: Deno.env.get("PATH") ?? "", CUDA_VISIBLE_DEVICES: "7", MINE: "kept" },
  });
  const leaving = new AbortController();
  const launched = it.launch(leaving.signal, {
    device: fakeDevice(1),
    share: 0.5,
    reservedBytes: 1_024,
    env: { CUDA_VISIBLE_DEVICES: "1" },
  });
  const device: unknown = JSON.parse(await it.said("device"));
  assert.deepEqual([await it.said("cuda"), await it.said("user")], ["1", "kept"]);
  assert.deepEqual(device, {
    id: "cuda:1",
    kind: "cuda",
    index: 1,
    uuid: "GPU-00000001",
    name: "Fake 16",
    memoryBytes: 2 ** 34,
    share: 0.5,
    reservedBytes: 1_024,
  });
  leaving.abort(new Error("enough"));
  await assert.rejects(launched, { message: "enough" });
});

Deno.test("SpawnLauncher.launch() names no device to a worker without a place", async () => {
  await using it = await setUp('echo "device ${SNAKEDEN_DEVICE-none}"; exec sleep 60');
  const leaving = new AbortController();
  const launched = it.launch(leaving.signal);
  assert.equal(await it.said("device"), "none");
  leaving.abort(new Error("enough"));
  await assert.rejects(launched, { message: "enough" });
});
