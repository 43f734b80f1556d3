/** The cases of errors and policies, in their own words, with real workers on both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PythonError, type Snakeden, SnakedenError } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import type { CircuitInfo } from "../../src/pool/mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

type PoolOptions = NonNullable<Parameters<typeof startDen>[0]>;

async function start(carrier: CarrierKind, pool: PoolOptions = {}): Promise<Snakeden> {
  const calm = { taintAfter: 0, poisonMs: 0, poisonAfter: 100, cancelGraceMs: 5_000 };
  return await startDen({ adapter: "fails", carrier, size: 2, ...calm, ...pool });
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

/** Returns how often the tool has run that notes its calls in this file. */
async function runsIn(path: string): Promise<number> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").length - 1;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`115. Python ValueError → typed error with message, traceback, the code python_exception (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    const [worker] = den.workers.list();
    const message = "größe 世界: 7 > 3";
    const works: [string, () => Promise<unknown>][] = [
      ["bad_value", () => den.execute("bad_value", { message })],
      ["bad_value", () => den.call("bad_value", { message })],
      ["bad_value", () => den.stream("bad_value", { message }).result],
      ["bad_chunk", () => den.execute("bad_chunk", { message })],
      ["bad_chunk", () => Array.fromAsync(den.stream("bad_chunk", { message }))],
    ];
    for (const [tool, work] of works) {
      const error = await errorOf(work());
      assert.ok(error instanceof PythonError);
      assert.deepEqual([error.code, error.retryable], ["python_exception", false]);
      assert.equal(error.message, `tool '${tool}' raised ValueError: ${message}`);
      assert.deepEqual([error.python.type, error.python.message], ["ValueError", message]);
      const { traceback = "" } = error.python;
      assert.match(traceback, /^Traceback \(most recent call last\):\n/);
      assert.match(traceback, /fails\.py", line \d+, in _fail\n/);
      assert.ok(traceback.trimEnd().endsWith(`ValueError: ${message}`), traceback);
      assert.doesNotMatch(traceback, /_worker/, "no frames of Snakeden");
    }
    const own = await errorOf(den.execute("bad_row"));
    assert.ok(own instanceof PythonError);
    assert.equal(own.python.type, "fails.BadRowError");
    const app = createApp(den, { version: "0" });
    const answers = [];
    for (const [path, tool] of [["/v1/execute", "bad_value"], ["/v1/stream", "bad_chunk"]]) {
      const response = await app.request(`${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "*/*" },
        body: JSON.stringify({ tool, args: { message } }),
      });
      answers.push({ status: response.status, text: await response.text() });
    }
    const [problem, events] = answers;
    assert.equal(problem?.status, 500);
    const { code, python } = JSON.parse(problem.text);
    assert.deepEqual([code, python.type, python.message], [
      "python_exception",
      "ValueError",
      message,
    ]);
    assert.match(python.traceback, /in _fail\n/);
    assert.equal(events?.status, 200);
    assert.match(events.text, /event: failed\n(.*\n)*data: .*"python":\{"type":"ValueError"/);
    // The worker is not to blame.
    assert.equal(den.workers.list()[0]?.pid, worker?.pid);
    const { failed, crashed } = den.pools.get("default").stats;
    assert.deepEqual([failed, crashed], [works.length + 3, 0]);
  });

  Deno.test(`119. Breaker: opens at 5 consecutive failures, refuses while open (${carrier})`, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "runs");
    await using den = await start(carrier, { breaker: { resetMs: 600_000 } });
    const circuit = (): CircuitInfo | undefined => den.pools.get("default").policies?.circuit;
    const fails = { path, fail: true };
    for (let i = 0; i < 4; i++) await errorOf(den.execute("trial", fails));
    assert.deepEqual([circuit()?.state, circuit()?.failures], ["closed", 4]);
    await den.execute("trial", { path });
    assert.deepEqual([circuit()?.state, circuit()?.failures], ["closed", 0]);
    for (let i = 0; i < 4; i++) await errorOf(den.execute("trial", fails));
    assert.equal(circuit()?.state, "closed", "8 of 9 have failed, but only 4 in a row");
    await errorOf(Array.fromAsync(den.stream("trial", fails)));
    assert.deepEqual([circuit()?.state, circuit()?.opened], ["open", 1]);
    assert.equal(await runsIn(path), 10);
    for (
      const work of [
        () => den.execute("trial", { path }),
        () => den.call("trial", { path }),
        () => Array.fromAsync(den.stream("trial", { path })),
        () => den.execute("attempt", { path }),
      ]
    ) {
      const { code, retryable, details } = await errorOf(work());
      assert.deepEqual([code, retryable, details.state], ["circuit_open", true, "open"]);
    }
    assert.equal(await runsIn(path), 10, "no refused call has run");
    assert.equal(circuit()?.refused, 4);
  });

  Deno.test(`119. Breaker: one probe after reset, success closes; a killed probe does not wedge it (${carrier})`, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "runs");
    await using den = await start(carrier, { breaker: { resetMs: 50 }, size: 3 });
    const circuit = (): CircuitInfo | undefined => den.pools.get("default").policies?.circuit;
    const reset = (): Promise<unknown> =>
      until(() => circuit()?.state === "half_open", "the circuit to let a call through");
    const open = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await errorOf(den.execute("trial", { path, fail: true }));
      await reset();
    };
    let probes = 0;
    /** Starts a probe, which runs until the file is there; then no other call passes. */
    const probe = async (options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<
      { readonly end: Promise<unknown>; readonly go: string; readonly pid: number }
    > => {
      const go = join(dir.path, `go ${++probes}`);
      const before = await runsIn(path);
      const end = den.execute("trial", { path, go }, options);
      end.catch(() => {});
      await until(async () => await runsIn(path) > before, "the probe to run");
      const runs = await Deno.readTextFile(path);
      for (const stream of [false, true]) {
        const work = stream
          ? Array.fromAsync(den.stream("trial", { path }))
          : den.execute("trial", { path });
        const { code, details } = await errorOf(work);
        assert.deepEqual([code, details.state], ["circuit_open", "half_open"]);
      }
      assert.equal(await Deno.readTextFile(path), runs, "only the probe runs");
      return { end, go, pid: Number(runs.trimEnd().split("\n").at(-1)) };
    };
    await open();
    const first = await probe();
    await Deno.writeTextFile(first.go, "");
    assert.equal(await first.end, first.pid);
    assert.deepEqual([circuit()?.state, circuit()?.failures], ["closed", 0]);

    await open();
    const killed = await probe();
    signalPid(killed.pid, "SIGKILL");
    assert.equal((await errorOf(killed.end)).code, "worker_crashed");
    await reset();
    const leaving = new AbortController();
    const left = await probe({ signal: leaving.signal });
    leaving.abort(new Error("gone"));
    await assert.rejects(left.end, /gone/);
    await reset();
    const late = await probe({ timeoutMs: 3_000 });
    assert.equal((await errorOf(late.end)).code, "deadline_exceeded");
    await reset();
    const last = await probe();
    await Deno.writeTextFile(last.go, "");
    assert.equal(await last.end, last.pid);
    assert.equal(circuit()?.state, "closed");
    const together = Array.from({ length: 6 }, () => den.execute("trial", { path }));
    assert.equal((await Promise.all(together)).length, 6);
  });

  Deno.test(`120. Retry: only retriable reasons, exhausts at max (${carrier})`, async () => {
    await using dir = await tempDir();
    const quick = { attempts: 4, baseMs: 1, capMs: 1 } as const;
    await using den = await start(carrier, {
      maxReruns: 0,
      tools: {
        attempt: { retry: quick },
        trial: { retry: { ...quick, codes: ["python_exception"] } },
        attempt_by_chunks: { retry: { ...quick, codes: ["python_exception"] } },
      },
    });
    let files = 0;
    const runs = async (
      tool: string,
      args: Record<string, unknown>,
      idempotent: boolean,
    ): Promise<[string, number]> => {
      const path = join(dir.path, `${++files}`);
      const work = tool === "attempt_by_chunks"
        ? Array.fromAsync(den.stream(tool, { path, ...args }, { idempotent }))
        : den.execute(tool, { path, ...args }, { idempotent });
      const end = await work.then(() => "ok", (error: SnakedenError) => error.code);
      return [end, await runsIn(path)];
    };
    const die = { how: "die" };
    // By default, a crash is a reason, an exception is none.
    assert.deepEqual(await runs("attempt", { times: 99 }, true), ["python_exception", 1]);
    assert.deepEqual(await runs("attempt", { times: 3, ...die }, true), ["ok", 4]);
    assert.deepEqual(await runs("attempt", { times: 99, ...die }, true), ["worker_crashed", 4]);
    assert.deepEqual(await runs("attempt", { times: 99, ...die }, false), ["worker_crashed", 1]);
    assert.deepEqual(await runs("attempt", { times: "many" }, true), ["invalid_arguments", 0]);
    // Where it is listed, it is one, if the tool may run twice.
    assert.deepEqual(await runs("trial", { fail: true }, true), ["python_exception", 4]);
    assert.deepEqual(await runs("trial", { fail: true }, false), ["python_exception", 1]);
    assert.deepEqual(await runs("attempt_by_chunks", { times: 3 }, true), ["ok", 4]);
    assert.deepEqual(await runs("attempt_by_chunks", { times: 9 }, true), ["python_exception", 4]);
    // The error is that of the last attempt.
    const path = join(dir.path, "last");
    const options = { idempotent: true };
    const { message } = await errorOf(den.execute("trial", { path, fail: true }, options));
    assert.match(message, /ValueError: call 4$/);
    assert.equal(den.pools.get("default").policies?.retries, 3 * 6);
  });

  Deno.test(`120. Retry: backoff capped, jitter in range (${carrier})`, async () => {
    await using dir = await tempDir();
    for (const [jitter, least] of [["none", 1], ["half", 0.5], ["full", 0]] as const) {
      await using log = new LogSink();
      await using den = await start(carrier, {
        size: 1,
        retry: { attempts: 16, baseMs: 10, capMs: 40, jitter, codes: ["python_exception"] },
      });
      const path = join(dir.path, jitter);
      // Without a cap the last pause alone would take 160 s, and so not be made.
      const options = { idempotent: true, timeoutMs: 60_000 };
      assert.equal(await den.execute("attempt", { path, times: 15 }, options), 16);
      const entries = (await log.text()).matchAll(/attempt is called again in (\d+) ms/g);
      const pauses = [...entries].map(([_, pauseMs]) => Number(pauseMs));
      const full = [10, 20, ...new Array<number>(13).fill(40)];
      assert.equal(pauses.length, full.length);
      full.forEach((most, i) => {
        const pauseMs = pauses[i] ?? NaN;
        assert.ok(pauseMs >= Math.floor(most * least) && pauseMs <= most, `${pauseMs}: ${most}`);
      });
      if (jitter !== "none") assert.ok(new Set(pauses).size > 3, `${pauses}`);
    }
  });
}
