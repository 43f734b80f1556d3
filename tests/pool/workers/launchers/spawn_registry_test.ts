import assert from "node:assert/strict";
import { join } from "node:path";
import { BridgeServer } from "../../../../src/bridge/mod.ts";
import { type LaunchedWorker, SpawnLauncher } from "../../../../src/pool/mod.ts";
import { isRunning } from "../../../../src/process/process_group.ts";
import { dialWorker, hello } from "../../../bridge/dialed_worker.ts";
import { until } from "../../../fixtures/until.ts";

const NEVER = new AbortController().signal;

interface SetUp extends AsyncDisposable {
  readonly bridge: BridgeServer;
  /** The notifications that the registry received, in order. */
  readonly told: string[];
  readonly lines: string[];
  launch(signal?: AbortSignal): Promise<LaunchedWorker>;
}

/** A launcher whose interpreter is a shell script, and whose registry records its notifications. */
async function setUp(script: string, reserved: Promise<void> = Promise.resolve()): Promise<SetUp> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  const executable = join(directory, "python");
  await Deno.writeTextFile(executable, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const bridge = await BridgeServer.listen(directory);
  const [told, lines]: [string[], string[]] = [[], []];
  const launcher = new SpawnLauncher({
    bridge,
    registry: {
      reserve: async ({ workerId, incarnation }): Promise<void> => {
        told.push(`reserve ${workerId} ${incarnation}`);
        await reserved;
      },
      activate: (incarnation, pid) => void told.push(`activate ${incarnation} ${pid}`),
      release: (incarnation) => void told.push(`release ${incarnation}`),
    },
    carrier: "socket",
    command: [script === "" ? join(directory, "none") : executable],
    env: { PATH: Deno.env.get("PATH") ?? "" },
    welcome: {},
    runDirectory: directory,
    startTimeoutMs: 60_000,
  });
  return {
    bridge,
    told,
    lines,
    launch: (signal = NEVER) =>
      launcher.launch({
        workerId: "default-1",
        incarnation: "x",
        events: { onLog: () => {}, onClosed: () => {} },
        onLine: ({ text }) => lines.push(text),
      }, signal),
    async [Symbol.asyncDispose](): Promise<void> {
      await bridge[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

Deno.test("SpawnLauncher.launch() reserves before the spawn, activates after it, and releases when the process is gone", async () => {
  await using it = await setUp('echo "token $SNAKEDEN_TOKEN"; exec sleep 60');
  const launched = it.launch();
  await until(() => it.lines.length > 0, "the process has said its token");
  await using worker = dialWorker(it.bridge.address("socket"));
  worker.say(hello(it.lines[0]?.slice(6) ?? ""));
  await worker.hear("welcome");
  worker.say({ ready: { tools: [] } });
  const { process } = await launched;
  assert.deepEqual(it.told, ["reserve default-1 x", `activate x ${process.pid}`]);
  await process.kill();
  await until(() => it.told.length === 3, "the worker is released");
  assert.equal(it.told[2], "release x");
  assert.equal(isRunning(process.pid), false);
});

Deno.test("SpawnLauncher.launch() spawns nothing before the reservation is durable", async () => {
  const reserved = Promise.withResolvers<void>();
  await using it = await setUp("echo up; exit 1", reserved.promise);
  await using clock = await setUp("echo up; exit 1");
  const launched = it.launch();
  launched.catch(() => {});
  await until(() => it.told.length === 1, "it is reserved");
  // A whole life of the same process that waits for nothing.
  await assert.rejects(clock.launch(), { code: "worker_start_failed" });
  assert.deepEqual(clock.lines, ["up"]);
  assert.deepEqual([it.told.length, it.lines], [1, []]);
  reserved.resolve();
  await assert.rejects(launched, { code: "worker_start_failed" });
  assert.match(it.told[1] ?? "", /^activate x \d+$/);
});

Deno.test("SpawnLauncher.launch() releases workers that could not be spawned, or were given up before", async () => {
  await using none = await setUp("");
  await assert.rejects(none.launch(), { code: "worker_start_failed" });
  assert.deepEqual(none.told, ["reserve default-1 x", "release x"]);
  const reserved = Promise.withResolvers<void>();
  await using given = await setUp("exec sleep 60", reserved.promise);
  const leaving = new AbortController();
  const launched = given.launch(leaving.signal);
  leaving.abort(new Error("leaving"));
  reserved.resolve();
  await assert.rejects(launched, { message: "leaving" });
  assert.deepEqual(given.told, ["reserve default-1 x", "release x"]);
});
