/** Tests tools that follow the changes of their session, with real workers on both carriers. */
import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import type { CallOptions } from "../../src/calls/mod.ts";
import { loadProgramConfig } from "../../src/config/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { compose } from "../../src/host/mod.ts";
import type { Sessions } from "../../src/sessions/mod.ts";
import { type CountedWatches, countWatches } from "../fixtures/counted_watches.ts";
import { ADAPTERS, isAlive, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const S1 = { sessionId: "s-1" };

interface Followed extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly watches: CountedWatches;
  pids(): number[];
  execute<T = unknown>(
    tool: string,
    args?: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<T>;
  /** Runs a tool, and `step` once so many watches are open. */
  during<T = unknown>(
    tool: string,
    args: Record<string, unknown>,
    how: {
      readonly step: () => unknown;
      readonly watches?: number;
      readonly options?: CallOptions;
    },
  ): Promise<T>;
  stream(tool: string, args: Record<string, unknown>): AsyncIterable<unknown>;
}

/** Starts a host with one worker, whose session `s-1` is open. */
async function start(carrier: CarrierKind): Promise<Followed> {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const { config } = await loadProgramConfig({
    dataDir: dir.path,
    pools: [{
      name: "default",
      size: 1,
      carrier,
      adapter: "follows:Follows",
      modulePaths: [ADAPTERS],
      cancelGraceMs: 1_000,
    }],
    python: { executable: await devPython() },
  });
  const watches = stack.use(countWatches());
  const host = await compose(config, {});
  stack.defer(() => host.shutdown.run());
  await host.sessions.open("s-1");
  const execute: Followed["execute"] = (tool, args = {}, options = {}) =>
    host.calls.execute(tool, args, { ...S1, ...options }, start) as Promise<never>;
  return {
    sessions: host.sessions,
    watches,
    pids: () => host.workers.list().flatMap(({ pid }) => pid ?? []),
    execute,
    during: async (tool, args, { step, watches: open = 2, options = {} }) => {
      const call = execute(tool, args, options);
      // Whoever awaits the call gets its error.
      call.catch(() => {});
      await until(() => watches.open >= open, "the tool to wait for a change");
      await step();
      return await call as never;
    },
    stream: (tool, args) => host.calls.stream(tool, args, S1),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function noWatches({ watches }: Followed): Promise<void> {
  await until(() => watches.open === 0, "all watches to end");
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a tool sees the changes that the library makes while it waits (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    const step = async (): Promise<void> => {
      await variables.set("a", 1);
      await variables.delete("a");
      await variables.set("b", 2);
    };
    const expected = ["set a", "deleted a", "set b"];
    for (const tool of ["collect", "collect_async"]) {
      assert.deepEqual(await it.during(tool, { count: 3 }, { step }), expected);
      await noWatches(it);
    }
    const all = await it.during("collect_in_threads", { count: 4, number: 8 }, {
      watches: 9,
      step: async () => {
        // The tool writes meanwhile, and either write could be the first.
        const isReady = async (): Promise<boolean> =>
          (await variables.getMany(["ready"])).has("ready");
        await until(isReady, "the tool to write");
        await step();
      },
    });
    assert.deepEqual(all, Array.from({ length: 8 }, () => ["set ready", ...expected]));
    for (const tool of ["stream", "stream_async"]) {
      const chunks = Array.fromAsync(it.stream(tool, { count: 3 }));
      await until(() => it.watches.open === 2, "the tool to wait");
      await step();
      assert.deepEqual(await chunks, expected);
    }
    await noWatches(it);
  });

  Deno.test(`a tool misses none of many changes, and goes on after a position (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    const after = await variables.position();
    const names = Array.from({ length: 2_500 }, (_, i) => `v${i}`);
    const expected = names.map((name) => `set ${name}`);
    const seen = await it.during("collect", { count: names.length }, {
      step: async () => {
        for (let i = 0; i < names.length; i += 1_000) {
          await variables.setMany(names.slice(i, i + 1_000).map((name) => ({ name, value: 1 })));
        }
      },
    });
    assert.deepEqual(seen, expected);
    const last = await variables.position();
    await variables.set("later", 1);
    assert.deepEqual(await it.execute("collect", { count: 1, after: last }), ["set later"]);
    assert.deepEqual(await it.execute("collect", { count: 1, after }), ["reset None"], "too old");
    const refused = it.execute("collect", { count: 1, after: "x" });
    await assert.rejects(refused, { message: /after: given "x"; allowed.*\(invalid_input\)/ });
  });

  Deno.test(`a tool sees its own changes, and reads what was changed again (${carrier})`, async () => {
    await using it = await start(carrier);
    assert.deepEqual(await it.execute("own_writes"), ["set a", "set b", "deleted a"]);
    const { variables } = await it.sessions.get("s-1");
    await variables.set("x", "old");
    const step = (): Promise<unknown> => variables.set("x", "new");
    const values = await it.during("read_again", { name: "x" }, { step });
    assert.deepEqual(values, ["old", "old", "new"]);
  });

  Deno.test(`callbacks are called while the tool runs, and end with the call (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    const step = async (): Promise<void> => {
      for (const name of ["a", "c", "b", "end"]) await variables.set(name, name);
    };
    const seen = await it.during("call_back", { until: "end" }, { step });
    assert.deepEqual(seen, ["set a", "set b", "set end"]);
    assert.equal((await variables.get("seen")).value, 3, "the write of the callback is durable");
    assert.deepEqual(
      await it.during("call_back_async", { until: "end" }, { step }),
      ["set a a", "set c c", "set b b", "set end end"],
    );
    for (const tool of ["listen", "listen_async"]) {
      assert.equal(await it.execute(tool), "left");
      await noWatches(it);
      await variables.set("later", 1);
      assert.deepEqual(await it.execute("state"), { threads: 0, seen: [] });
    }
  });

  Deno.test(`a callback that raises fails its call, and the next call runs (${carrier})`, async () => {
    await using it = await start(carrier);
    for (const tool of ["bad_callback", "bad_callback_async"]) {
      await assert.rejects(it.execute(tool), { message: /ValueError: bad x/ });
      assert.deepEqual(await it.execute("state"), { threads: 0, seen: [] });
    }
  });

  Deno.test(`a call that waits for a change can be stopped, and leaves nothing (${carrier})`, async () => {
    await using it = await start(carrier);
    const [pid] = it.pids();
    const waits: [tool: string, args: Record<string, unknown>, watches: number][] = [
      ["hang", { how: "next" }, 2],
      ["hang", { how: "callback" }, 2],
      ["hang_async", {}, 2],
      ["collect_in_threads", { count: 100, number: 4 }, 5],
      ["call_back", { until: "end" }, 2],
      ["call_back_async", { until: "end" }, 2],
    ];
    for (const [tool, args, watches] of waits) {
      const controller = new AbortController();
      const { signal } = controller;
      const step = (): void => controller.abort(new SnakedenError("cancelled", "enough"));
      const cancelled = it.during(tool, args, { step, watches, options: { signal } });
      await assert.rejects(cancelled, /enough/);
      await noWatches(it);
      const late = it.execute(tool, args, { timeoutMs: 300 });
      await assert.rejects(late, { code: "deadline_exceeded" });
      await noWatches(it);
      const state = await it.execute<{ threads: number }>("state");
      assert.equal(state.threads, 0, tool);
    }
    assert.deepEqual(it.pids(), [pid], "no worker had to be killed");
  });

  Deno.test(`a callback that ends with no cancellation costs the worker (${carrier})`, async () => {
    await using it = await start(carrier);
    const [pid = 0] = it.pids();
    const late = it.execute("bad_callback", { wait: true }, { timeoutMs: 300 });
    await assert.rejects(late, { code: "deadline_exceeded" });
    await until(() => !isAlive(pid), "the worker to be killed");
    await noWatches(it);
    assert.deepEqual(await it.execute("state"), { threads: 0, seen: [] });
  });

  Deno.test(`the changes end with the session, and the call goes on (${carrier})`, async () => {
    await using it = await start(carrier);
    for (const tool of ["collect", "collect_async"]) {
      const session = await it.sessions.open("s-1");
      const step = async (): Promise<void> => {
        await session.variables.set("a", 1);
        await session.delete();
        await it.sessions.open("s-1");
      };
      assert.deepEqual(await it.during(tool, { count: 9 }, { step }), ["set a"]);
      await noWatches(it);
    }
    await it.sessions.delete("s-1");
    assert.equal(await it.execute("code_of"), "unknown_session");
    await assert.rejects(it.execute("listen"), { message: /unknown_session/ });
    await noWatches(it);
  });

  Deno.test(`a worker that dies while it waits leaves no watch (${carrier})`, async () => {
    await using it = await start(carrier);
    const step = (): void => signalPid(it.pids()[0], "SIGKILL");
    const args = { count: 100, number: 3 };
    const crashed = it.during("collect_in_threads", args, { step, watches: 4 });
    await assert.rejects(crashed, { code: "worker_crashed" });
    await noWatches(it);
  });

  Deno.test(`a stream that its caller leaves early leaves nothing (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    for (const tool of ["stream", "stream_async"]) {
      const chunks = it.stream(tool, { count: 100 })[Symbol.asyncIterator]();
      const first = chunks.next();
      await until(() => it.watches.open === 2, "the tool to wait");
      await variables.set("a", 1);
      assert.equal((await first).value, "set a");
      await chunks.return?.();
      await noWatches(it);
      const { seen } = await it.execute<{ seen: string[] }>("state");
      assert.deepEqual(seen, [`${tool} is over`]);
    }
  });

  Deno.test(`more waits than places hold up no write (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    const number = 200;
    const args = { count: 2, number, writes: 50 };
    const seen = await it.during<string[][]>("collect_in_threads", args, {
      step: () => variables.set("a", 1),
      watches: 60,
    });
    const expected = Array.from({ length: number }, () => ["set a", "set ready"]);
    assert.deepEqual(seen.map((each) => each.toSorted()), expected);
    await noWatches(it);
    // Each wait that has ended frees its place at once, not after 20 s.
    const closing = it.execute("open_and_close", { count: 300 });
    await until(async () => (await variables.getMany(["closed"])).size > 0, "the ends");
    await until(() => it.watches.open === 2, "all waits but one to end");
    await variables.set("end", 1);
    assert.equal(await closing, "set end");
  });

  Deno.test(`code that a call has left behind learns that the call has ended (${carrier})`, async () => {
    await using it = await start(carrier);
    const { variables } = await it.sessions.get("s-1");
    await variables.set("x", "mine");
    for (const how of ["thread", "generator"]) {
      await it.execute("leave", { how });
      const options = { sessionId: "s-2" };
      await it.sessions.open("s-2");
      assert.deepEqual(await it.execute("use_what_was_left", {}, options), ["used"], how);
    }
    const id = await it.execute<string>("leave_task");
    const ended = `call ${id} of 'leave_task' has ended`;
    assert.deepEqual(
      await it.execute("await_what_was_left", {}, { sessionId: "s-2" }),
      [ended, ended, ended, "current True"],
    );
    assert.equal((await variables.get("x")).value, "mine");
  });
}
