/** Tests what real workers ask a real host for, on both carriers. */
import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import { type CarrierKind, Value } from "../../src/bridge/mod.ts";
import type { CallOptions } from "../../src/calls/mod.ts";
import { loadProgramConfig } from "../../src/config/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { compose, type Host } from "../../src/host/mod.ts";
import type { AskingCall, HostMethod } from "../../src/pool/mod.ts";
import { ADAPTERS, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

interface AskedHost extends AsyncDisposable {
  readonly host: Host;
  execute<T = unknown>(
    tool: string,
    args: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<T>;
}

/** Starts a host whose tools may ask for these methods. */
async function start(
  carrier: CarrierKind,
  hostMethods: Readonly<Record<string, HostMethod>>,
): Promise<AskedHost> {
  const dir = await tempDir();
  const { config } = await loadProgramConfig({
    dataDir: dir.path,
    pools: [{
      name: "default",
      size: 2,
      carrier,
      adapter: "asks:Asks",
      modulePaths: [ADAPTERS],
      cancelGraceMs: 5_000,
    }],
    python: { executable: await devPython() },
  });
  const host = await compose(config, { hostMethods });
  return {
    host,
    execute: (tool, args, options = {}) =>
      host.calls.execute(tool, args, options, start) as Promise<never>,
    async [Symbol.asyncDispose](): Promise<void> {
      await host.shutdown.run();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Resolves with the reason of a signal, and keeps the signals that it has seen. */
function hanging(): { readonly signals: AbortSignal[]; readonly method: HostMethod } {
  const signals: AbortSignal[] = [];
  const method: HostMethod = ({ signal }) => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true })
    );
  };
  return { signals, method };
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a tool asks the host, which knows the call (${carrier})`, async () => {
    const calls: AskingCall[] = [];
    await using it = await start(carrier, {
      "test.echo": (call, args) => {
        calls.push(call);
        return args;
      },
    });
    for (const tool of ["ask", "ask_async", "to_thread"]) {
      const args = { text: "ü", big: 2n ** 80n, bytes: new Uint8Array([1, 2, 3]), nothing: null };
      const options = { sessionId: "s-1", timeoutMs: 30_000 };
      assert.deepEqual(await it.execute(tool, { method: "test.echo", args }, options), args);
      const call = calls.at(-1);
      assert.deepEqual(
        [call?.pool, call?.tool, call?.sessionId, call?.workerId.slice(0, 8)],
        ["default", tool, "s-1", "default-"],
      );
      const left = call?.remainingMs ?? 0;
      assert.ok(left > 0 && left <= 30_000, `${left}`);
      assert.ok(call?.signal.aborted, "the call has ended");
    }
  });

  Deno.test(`large arrays travel there and back in shared memory (${carrier})`, async () => {
    let shared = 0;
    await using it = await start(carrier, {
      "test.add": (_call, args) => {
        const { array } = args.decode() as { array: Float64Array };
        shared++;
        return Value.from(array.map((each) => each + 1));
      },
    });
    for (let i = 0; i < 5; i++) {
      const seen = await it.execute<Float64Array>(
        "double",
        { method: "test.add", size: 100_000 },
        { arrays: "base64" },
      );
      assert.deepEqual(seen.slice(0, 3), new Float64Array([2, 4, 6]));
      assert.equal(seen.length, 100_000);
    }
    assert.equal(shared, 5);
  });

  Deno.test(`many asks are answered in any order (${carrier})`, async () => {
    await using it = await start(carrier, {
      "test.late": async (_call, args) => {
        const number = args.decode() as number;
        for (let i = 0; i < (number * 7) % 5; i++) await new Promise((done) => setTimeout(done, 0));
        return Value.from(number * 2);
      },
    });
    for (
      const [tool, count] of [["ask_many", 1_000], ["from_threads", 20], ["gather", 600]] as const
    ) {
      const answers = await it.execute<number[]>(tool, { method: "test.late", count });
      assert.deepEqual(answers.slice(0, count), Array.from({ length: count }, (_, i) => 2 * i));
    }
  });

  Deno.test(`an error of the host is an exception with its code (${carrier})`, async () => {
    await using it = await start(carrier, {
      "test.fail": () => {
        throw new SnakedenError("store_failed", "The disk is full", { details: { bytes: 3 } });
      },
    });
    assert.deepEqual(await it.execute("catches", { method: "test.fail" }), {
      code: "store_failed",
      message: "The disk is full",
      details: { bytes: 3 },
      retryable: false,
      text: "The disk is full (store_failed)",
    });
    const { code, details } = await it.execute<{
      readonly code: string;
      readonly details: { readonly method: string; readonly known: readonly string[] };
    }>("catches", { method: "test.other" });
    assert.deepEqual([code, details.method], ["not_implemented", "test.other"]);
    assert.ok(details.known.includes("test.fail"), details.known.join());
  });

  Deno.test(`the host calls Python again while a tool waits for it (${carrier})`, async () => {
    const found: { it?: AskedHost } = {};
    await using it = await start(carrier, {
      nested: async ({ signal }, args) => {
        const depth = args.decode() as number;
        const answer = await found.it?.execute("ask", { method: "leaf", args: depth }, {
          signal,
        });
        return Value.from([depth, answer]);
      },
      leaf: (_call, args) => args,
    });
    found.it = it;
    assert.deepEqual(await it.execute("nested", { depth: 2 }), [2, 2]);
  });

  Deno.test(`a caller that leaves ends the wait of its tool, and the work of the host (${carrier})`, async () => {
    const { signals, method } = hanging();
    await using it = await start(carrier, { "test.hang": method });
    const pids = workersOf({ runId: it.host.runId });
    for (const tool of ["ask", "ask_async", "to_thread", "wait_in_thread"]) {
      signals.length = 0;
      const leaving = new AbortController();
      const left = it.execute(tool, { method: "test.hang" }, { signal: leaving.signal });
      await until(() => signals.length > 0, "the host to be asked");
      leaving.abort(new Error("gone"));
      await assert.rejects(left, { message: "gone" });
      await until(() => signals[0]?.aborted, "the host to be told");
      await until(() => it.host.pools.get("default").workers.ready === 2, "the worker to be free");
      assert.deepEqual(workersOf({ runId: it.host.runId }), pids, "no worker was killed");
    }
  });

  Deno.test(`a deadline ends the wait of a tool (${carrier})`, async () => {
    const { signals, method } = hanging();
    await using it = await start(carrier, { "test.hang": method });
    for (const tool of ["ask", "ask_async", "wait_in_thread"]) {
      const late = it.execute(tool, { method: "test.hang" }, { timeoutMs: 300 });
      await assert.rejects(late, { code: "deadline_exceeded" });
    }
    await until(() => signals.every(({ aborted }) => aborted), "the host to be told");
  });

  Deno.test(`the death of a worker ends what the host does for it (${carrier})`, async () => {
    const { signals, method } = hanging();
    await using it = await start(carrier, { "test.hang": method });
    const dying = it.execute("ask", { method: "test.hang" });
    await until(() => signals.length > 0, "the host to be asked");
    for (const pid of workersOf({ runId: it.host.runId })) signalPid(pid, "SIGKILL");
    await assert.rejects(dying, { code: "worker_crashed" });
    assert.ok(signals[0]?.aborted);
    await until(() => it.host.pools.get("default").workers.ready === 2, "new workers");
    assert.equal(
      (await it.execute<{ code: string }>("catches", { method: "x" })).code,
      "not_implemented",
    );
  });

  Deno.test(`threads that outlive their call cannot ask any more (${carrier})`, async () => {
    const { method } = hanging();
    await using it = await start(carrier, { "test.hang": method });
    await it.execute("leave_thread", { method: "test.hang" });
    const seen = await until(async () => {
      const lines = await it.execute<string[]>("joined", {});
      return lines.length === 2 && lines;
    }, "the thread to be told");
    for (const line of seen) assert.match(line, /^RuntimeError: call .* has ended/);
  });
}
