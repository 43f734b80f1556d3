import assert from "node:assert/strict";
import { isRunning } from "../../src/process/mod.ts";
import {
  type EndingOptions,
  ScriptEnding,
  type ShutdownEvent,
  type StoppableHost,
} from "../../src/script/script_ending.ts";

/** A host that stops when the test says so. */
class FakeHost implements StoppableHost {
  readonly runId = "run-1";
  /** The options of its stops, in order. */
  readonly stops: { readonly drainMs?: number }[] = [];
  readonly #stopped = Promise.withResolvers<void>();
  readonly #pids: readonly number[];

  constructor(pids: readonly number[] = []) {
    this.#pids = pids;
  }

  pids(): readonly number[] {
    return this.stops.length === 0 ? this.#pids : [];
  }

  stop(options: { readonly drainMs?: number }): Promise<void> {
    this.stops.push(options);
    // Without a drain it does not wait for calls, so it is done at once.
    if (options.drainMs === 0) this.#stopped.resolve();
    return this.#stopped.promise;
  }

  finish(): void {
    this.#stopped.resolve();
  }
}

interface Ending {
  readonly ending: ScriptEnding;
  readonly events: ShutdownEvent[];
}

function endingOf(host: StoppableHost | undefined, options: Partial<EndingOptions> = {}): Ending {
  const events: ShutdownEvent[] = [];
  const ending = new ScriptEnding({
    owned: true,
    exitMode: "none",
    stopMode: "if_started",
    shutdownTimeoutMs: 60_000,
    cleanupTimeoutMs: 60_000,
    onShutdown: (event) => events.push(event),
    ...options,
  });
  ending.host = host;
  return { ending, events };
}

function stepsOf(events: readonly ShutdownEvent[]): string[] {
  return events.map(({ step, status, cleanupResult }) => `${step} ${status} ${cleanupResult}`);
}

Deno.test("ScriptEnding.run() stops the host, cleans up, and reports each step once", async () => {
  const host = new FakeHost();
  const { ending, events } = endingOf(host);
  const running = ending.run(1);
  host.finish();
  await running;
  await ending.run(1);
  assert.deepEqual(host.stops, [{}]);
  assert.deepEqual(stepsOf(events), [
    "start 1 pending",
    "stop 1 pending",
    "cleanup 1 ok",
    "exit 1 ok",
  ]);
  assert.ok(events.every(({ runId, owned }) => runId === "run-1" && owned));
});

Deno.test("ScriptEnding.run() stops a host that it did not start only in the mode always", async () => {
  for (
    const [stopMode, owned, stops] of [
      ["if_started", false, 0],
      ["never", true, 0],
      ["always", false, 1],
      ["if_started", true, 1],
    ] as const
  ) {
    const host = new FakeHost();
    host.finish();
    const { ending, events } = endingOf(host, { stopMode, owned });
    await ending.run(0);
    assert.equal(host.stops.length, stops, `${stopMode} ${owned}`);
    assert.equal(events.at(-1)?.cleanupResult, stops === 0 ? "skipped" : "ok");
  }
});

Deno.test("ScriptEnding.run() cuts the drain of a host short after its timeout", async () => {
  const host = new FakeHost();
  await endingOf(host, { shutdownTimeoutMs: 0 }).ending.run(0);
  assert.deepEqual(host.stops, [{}, { drainMs: 0 }]);
});

Deno.test("ScriptEnding.interrupt() ends running calls, even during an orderly end", async () => {
  const early = new FakeHost();
  await endingOf(early).ending.interrupt(130);
  assert.deepEqual(early.stops, [{ drainMs: 0 }]);
  const late = new FakeHost();
  const { ending, events } = endingOf(late);
  const orderly = ending.run(0);
  await ending.interrupt(143);
  await orderly;
  assert.ok(late.stops.some(({ drainMs }) => drainMs === 0));
  assert.equal(events.at(-1)?.status, 143);
});

Deno.test("ScriptEnding.run() kills the workers that outlive the stop", async () => {
  const left = new Deno.Command("sleep", { args: ["60"], detached: true, stdin: "null" }).spawn();
  const host = new FakeHost([left.pid]);
  host.finish();
  const { ending, events } = endingOf(host);
  const running = ending.run(0);
  assert.equal((await left.status).signal, "SIGKILL");
  await running;
  assert.ok(!isRunning(left.pid));
  assert.equal(events.at(-1)?.cleanupResult, "ok");
});

Deno.test("ScriptEnding.run() takes every step even if a stop fails or a listener throws", async () => {
  const host = new FakeHost();
  host.stop = () => Promise.reject(new Error("cannot stop"));
  const seen: string[] = [];
  const { ending } = endingOf(host, {
    onShutdown: ({ step }) => {
      seen.push(step);
      throw new Error("listener");
    },
  });
  await ending.run(0);
  assert.deepEqual(seen, ["start", "stop", "cleanup", "exit"]);
});

Deno.test("ScriptEnding.run() contains a cleanup that fails or takes too long, and keeps the status", async () => {
  const failing = new FakeHost();
  failing.finish();
  failing.pids = () =>
    Object.assign([1], {
      filter: () => {
        throw new Error("no table of processes");
      },
    });
  const failed = endingOf(failing);
  await failed.ending.run(3);
  assert.deepEqual(stepsOf(failed.events).slice(-2), ["cleanup 3 failed", "exit 3 failed"]);
  const unknown = new FakeHost();
  unknown.finish();
  unknown.pids = () => {
    throw new Error("no list");
  };
  const listless = endingOf(unknown);
  await listless.ending.run(3);
  assert.deepEqual(listless.events.map(({ step }) => step), ["start", "stop", "cleanup", "exit"]);
  // It does not lead a group, so no signal to its group reaches it.
  const child = new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
  const lasting = new FakeHost([child.pid]);
  lasting.finish();
  const late = endingOf(lasting, { cleanupTimeoutMs: 1 });
  await late.ending.run(3);
  assert.deepEqual(stepsOf(late.events).slice(-2), ["cleanup 3 timeout", "exit 3 timeout"]);
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("ScriptEnding.watch() makes the end wait for an abandoned start", async () => {
  const { ending, events } = endingOf(undefined);
  const start = Promise.withResolvers<never>();
  ending.watch(start.promise).catch(() => {});
  const running = ending.run(1);
  await Promise.resolve();
  assert.deepEqual(stepsOf(events), ["start 1 pending"]);
  start.reject(new Error("given up"));
  await running;
  assert.equal(events.length, 4);
});

Deno.test("ScriptEnding.exits is true for exit, and for auto when it started the host", () => {
  const exits = (["none", "exit", "auto"] as const).map((exitMode) =>
    [true, false].map((owned) => endingOf(undefined, { exitMode, owned }).ending.exits)
  );
  assert.deepEqual(exits, [[false, false], [true, true], [true, false]]);
});
