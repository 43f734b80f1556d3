import assert from "node:assert/strict";
import { join } from "node:path";
import type { ReadyInit, Welcome } from "../../../../src/bridge/gen/link.js";
import { BridgeServer, type CarrierKind } from "../../../../src/bridge/mod.ts";
import { type LaunchedWorker, SpawnLauncher } from "../../../../src/pool/mod.ts";
import { type DialedWorker, dialWorker, hello } from "../../../bridge/dialed_worker.ts";
import { until } from "../../../fixtures/until.ts";

interface Launch {
  /** Of a worker that is no Python. */
  readonly worker: DialedWorker;
  readonly welcome: Welcome;
  readonly launched: Promise<LaunchedWorker>;
  /** Names of shared memory that are there now. */
  files(): string[];
}

/** Runs with a worker that has been greeted. */
async function withLaunch(
  options: { readonly bytes: number; readonly carrier?: CarrierKind; readonly inTheWay?: string },
  run: (launch: Launch) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const { bytes, carrier = "socket", inTheWay } = options;
  if (inTheWay !== undefined) await Deno.mkdir(join(directory, inTheWay));
  const executable = join(directory, "python");
  const script = '#!/bin/sh\necho "$SNAKEDEN_TOKEN"\nexec sleep 60\n';
  await Deno.writeTextFile(executable, script, { mode: 0o755 });
  const bridge = stack.use(await BridgeServer.listen(directory, { carriers: [carrier] }));
  const launcher = new SpawnLauncher({
    bridge,
    carrier,
    command: [executable, "worker.py"],
    env: { PATH: Deno.env.get("PATH") ?? "" },
    welcome: {},
    runDirectory: directory,
    sharedMemory: { bytes, minBytes: 5_000 },
    startTimeoutMs: 60_000,
  });
  const lines: string[] = [];
  const launched = launcher.launch({
    workerId: "default-1",
    incarnation: "x",
    events: { onLog: () => {}, onClosed: () => {} },
    onLine: ({ text }) => lines.push(text),
  }, new AbortController().signal);
  stack.defer(async () => {
    await (await launched.catch(() => undefined))?.process.kill();
  });
  await until(() => lines.length > 0, "the process has said its token");
  const worker = stack.use(dialWorker(bridge.address(carrier)));
  worker.say(hello(lines[0] ?? ""));
  await run({
    worker,
    welcome: await worker.hear("welcome"),
    launched,
    files: () =>
      [...Deno.readDirSync(directory)].filter((it) => it.isFile && /\.to_/.test(it.name))
        .map((it) => it.name).sort(),
  });
}

Deno.test("SpawnLauncher.launch() offers shared memory and removes its names when the worker is ready", async () => {
  const answers: ReadyInit[] = [{ mapsSharedMemory: true }, { mapsSharedMemory: false }];
  for (const ready of answers) {
    await withLaunch({ bytes: 8_192 }, async ({ worker, welcome, launched, files }) => {
      const { toWorkerPath, toHostPath, bytes, minBytes } = welcome.sharedMemory ?? {};
      assert.deepStrictEqual([bytes, minBytes], [8_192, 5_000]);
      assert.deepStrictEqual(files(), ["x.to_host", "x.to_worker"]);
      assert.equal(Deno.statSync(toWorkerPath ?? "").size, 8_192);
      assert.equal(Deno.statSync(toHostPath ?? "").size, 8_192);
      worker.say({ ready });
      const { link } = await launched;
      assert.deepStrictEqual(files(), []);
      assert.equal(link.closedReason, undefined);
    });
  }
});

Deno.test("SpawnLauncher.launch() leaves no shared memory of a worker that was never ready", async () => {
  await withLaunch({ bytes: 8_192 }, async ({ worker, launched, files }) => {
    worker.say({ startFailed: { error: { code: "worker_start_failed", message: "it raised" } } });
    await assert.rejects(launched, { code: "worker_start_failed" });
    assert.deepStrictEqual(files(), []);
  });
});

Deno.test("SpawnLauncher.launch() offers no shared memory if it is turned off or cannot be created", async () => {
  for (
    const options of [
      { bytes: 0 },
      { bytes: 8_192, carrier: "grpc" },
      { bytes: 8_192, inTheWay: "x.to_host" },
    ] as const
  ) {
    await withLaunch(options, async ({ worker, welcome, launched, files }) => {
      assert.equal(welcome.sharedMemory ?? undefined, undefined);
      assert.deepStrictEqual(files(), []);
      worker.say({ ready: {} });
      await launched;
    });
  }
});
