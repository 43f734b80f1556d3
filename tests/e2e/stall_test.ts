/** Tests the limit of silence with real workers, on both carriers. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../mod.ts";
import { isAlive, startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

async function failureOf(call: Promise<unknown>): Promise<SnakedenError> {
  const error = await call.then((it) => assert.fail(`it returned ${it}`), (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a call that shows nothing fails with stalled, and its worker serves on, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    const [worker] = den.workers.list();
    const error = await failureOf(
      den.execute("silent", { seconds: 60 }, { stallTimeoutMs: 200, timeoutMs: 30_000 }),
    );
    const { silentMs, ...details } = error.details;
    assert.equal(error.code, "stalled");
    assert.equal(error.retryable, false);
    assert.deepEqual(details, { stallTimeoutMs: 200, workerId: worker?.id, lastSign: "start" });
    assert.ok(typeof silentMs === "number" && silentMs >= 200, `${silentMs}`);
    assert.equal(await den.execute("silent", { seconds: 0 }), "done");
    assert.equal(den.workers.list()[0]?.pid, worker?.pid);
    assert.equal(den.pools.get("default").stats.timedOut, 1);
  });

  Deno.test(`a stream that falls silent has its chunks, then fails with stalled, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    const seen: unknown[] = [];
    const options = { stallTimeoutMs: 200, timeoutMs: 30_000 };
    const stream = den.stream("chunks", { steps: 3, pause: 0, then: 60 }, options);
    const error = await failureOf((async () => {
      for await (const chunk of stream) seen.push(chunk);
    })());
    assert.equal(error.code, "stalled");
    assert.equal(seen.length, 3);
    assert.equal(error.details["lastSign"], "chunk");
    assert.equal(error.details["chunks"], 3);
  });

  Deno.test(`chunks and progress keep a call from being stalled, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 2, carrier });
    const limit = { stallTimeoutMs: 600 };
    const seen: unknown[] = [];
    const options = { ...limit, onProgress: (it: unknown) => seen.push(it) };
    const [steps, chunks] = await Promise.all([
      den.execute("reports", { steps: 12, pause: 0.1 }, options),
      Array.fromAsync(den.stream("chunks", { steps: 12, pause: 0.1 }, limit)),
    ]);
    assert.equal(steps, 12);
    assert.equal(chunks.length, 12);
    assert.ok(seen.length > 1, "no progress was seen");
    assert.equal((seen.at(-1) as { fraction: number }).fraction, 1);
  });
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`chunks that the worker gathers keep a call from being stalled, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    const args = { steps: 12, pause: 0.1 };
    const reports: unknown[] = [];
    const chunks = await den.execute<unknown[]>("chunks", args, {
      stallTimeoutMs: 600,
      onProgress: (it) => reports.push(it),
    });
    assert.equal(chunks.length, 12);
    assert.deepEqual(reports, []);
    const silent = den.execute("chunks", { steps: 3, pause: 0.05, then: 60 }, {
      stallTimeoutMs: 300,
    });
    assert.equal((await failureOf(silent)).details["lastSign"], "progress");
  });
}

Deno.test("a reader that pauses for longer than the limit does not stall its stream", async () => {
  await using den = await startDen({ adapter: "stalls", size: 2 }, {
    limits: { streamWindowBytes: 4_096 },
  });
  const options = { stallTimeoutMs: 300 };
  const paused = den.stream("chunks", { steps: 50, pause: 0, size: 1_000 }, options);
  const events = paused.events();
  await events.next();
  // Another call, with the same limit, is the clock.
  const clock = den.execute("silent", { seconds: 60 }, options);
  assert.equal((await failureOf(clock)).code, "stalled");
  let chunks = 1;
  for await (const event of events) if (event.type === "chunk") chunks++;
  assert.equal(chunks, 50);
});

Deno.test("a stalled call that does not stop is killed after cancelGraceMs", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/pid`;
  await using den = await startDen({ adapter: "stalls", size: 1, cancelGraceMs: 200 });
  const call = den.execute("deaf", { path }, { stallTimeoutMs: 1_000 });
  assert.equal((await failureOf(call)).code, "stalled");
  const pid = Number(await Deno.readTextFile(path));
  await until(() => !isAlive(pid), "the worker is killed");
  assert.equal(await den.execute("silent", { seconds: 0 }), "done");
});

Deno.test("the limit of silence is that of the call, else of the tool, else of the pool", async () => {
  await using den = await startDen({ adapter: "stalls", size: 2, stallTimeoutMs: 100 });
  const limitOf = async (tool: string, options = {}): Promise<unknown> =>
    (await failureOf(den.execute(tool, { seconds: 60 }, options))).details["stallTimeoutMs"];
  assert.equal(await limitOf("silent"), 100);
  assert.equal(await limitOf("silent_by_itself"), 200);
  assert.equal(await limitOf("silent_by_itself", { stallTimeoutMs: 50 }), 50);
  assert.equal(await den.execute("silent", { seconds: 0.4 }, { stallTimeoutMs: 0 }), "done");
  const info = den.tools.list().find(({ name }) => name === "silent_by_itself");
  assert.equal(info?.stallTimeoutMs, 200);
});

Deno.test("time in the queue is no silence", async () => {
  await using den = await startDen({ adapter: "stalls", size: 1 });
  const first = den.execute("reports", { steps: 6, pause: 0.1 });
  const second = den.execute("silent", { seconds: 0 }, { stallTimeoutMs: 150 });
  assert.deepEqual(await Promise.all([first, second]), [6, "done"]);
});

for (const [how, code] of [["kill", "worker_crashed"], ["memory", "out_of_memory"]] as const) {
  Deno.test(`a stream whose worker dies by ${how} fails after its chunks, and the error counts them`, async () => {
    await using den = await startDen({
      adapter: "stalls",
      size: 1,
      limits: { memoryBytes: 400 * 1024 * 1024 },
      heartbeat: { pingIntervalMs: 100 },
    });
    const seen: unknown[] = [];
    const error = await failureOf((async () => {
      for await (const chunk of den.stream("dies_after", { n: 5, how })) seen.push(chunk);
    })());
    assert.equal(error.code, code);
    assert.deepEqual(seen, [0, 1, 2, 3, 4]);
    assert.equal(error.details["chunks"], 5);
  });
}

Deno.test("a stream that a deadline or the stop of the host ends counts its chunks", async () => {
  await using den = await startDen({ adapter: "stalls", size: 2 });
  const args = { n: 5, how: "sleep" };
  const late = den.stream("dies_after", args, { timeoutMs: 1_000 });
  const stopped = den.stream("dies_after", args);
  const events = stopped.events();
  for (let i = 0; i < 5; i++) await events.next();
  const byDeadline = await failureOf(Array.fromAsync(late));
  assert.deepEqual([byDeadline.code, byDeadline.details["chunks"]], ["deadline_exceeded", 5]);
  const rest = failureOf(events.next());
  await den.stop({ drainMs: 100 });
  const byStop = await rest;
  assert.deepEqual([byStop.code, byStop.details["chunks"]], ["shutting_down", 5]);
});

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`signs that came while the host could not read them count, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    const seen = Promise.withResolvers<void>();
    const call = den.execute("reports", { steps: 30, pause: 0.05 }, {
      stallTimeoutMs: 400,
      onProgress: () => seen.resolve(),
    });
    await seen.promise;
    const end = performance.now() + 1_000;
    while (performance.now() < end);
    assert.equal(await call, 30);
  });
}
