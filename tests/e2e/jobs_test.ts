/** Jobs of the library, with real workers over both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Job, type JobHandle, type JobInput, type Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { ADAPTERS, isAlive, startDen, tempDir } from "../fixtures/host.ts";
import { assertNeverTwiceAtOnce, ledgerLines, startsOf } from "../fixtures/jobs/job_ledger.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const CARRIERS: readonly CarrierKind[] = ["socket", "grpc"];
const QUICK = { minMs: 10, maxMs: 20 } as const;
const MIB = 1024 ** 2;

type Options = Parameters<typeof startDen>;

/** A host whose workers write a ledger. */
interface Place extends AsyncDisposable {
  readonly den: Snakeden;
  readonly ledger: string;
}

async function start(pool: Options[0] = {}, options: Options[1] = {}): Promise<Place> {
  const dir = await tempDir();
  const ledger = join(dir.path, "ledger");
  const den = await startDen({
    adapter: ["job_work", "eats_memory"],
    env: { LEDGER_PATH: ledger },
    taintAfter: 0,
    ...pool,
  }, { ...options, jobs: { retry: QUICK, ...options.jobs } });
  return {
    den,
    ledger,
    [Symbol.asyncDispose]: async () => {
      await den.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function ended(den: Snakeden, input: JobInput): Promise<Job> {
  const job = await den.jobs.submit(input);
  return await job.done({ timeoutMs: 60_000 });
}

/** The outcomes of the attempts of a job, with the codes of their errors. */
function outcomes({ attempts = [] }: Job): string[] {
  return attempts.map(({ outcome, error }) =>
    error === undefined ? outcome : `${outcome} ${error.code}`
  );
}

async function running(job: JobHandle): Promise<void> {
  await until(async () => (await job.refresh()).state === "running", "the job to run");
}

for (const carrier of CARRIERS) {
  Deno.test(`A job has progress, chunks in order, and a result with arrays, over ${carrier}`, async () => {
    await using place = await start({ carrier, adapter: ["job_work", "values_echo"] });
    const { den } = place;
    const steps = await den.jobs.submit({ tool: "steps", args: { count: 4, seconds: 0.05 } });
    const types: string[] = [];
    for await (const event of steps) {
      types.push(event.type);
      if (event.type === "end") {
        assert.equal(event.job.result, 1);
        assert.deepEqual(event.job.progress, { fraction: 1, step: 4 });
        assert.deepEqual(event.job.attempts?.map(({ worker }) => worker?.slice(0, 8)), [
          "default-",
        ]);
      }
    }
    assert.ok(types.includes("progress"), types.join());
    assert.deepEqual([types[0], types.at(-1)], ["state", "end"]);

    const chunks = await den.jobs.submit({ tool: "chunks", args: { count: 200 } });
    const values: unknown[] = [];
    for await (const event of chunks) if (event.type === "chunk") values.push(event.value);
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    assert.deepEqual(values, numbers);
    assert.deepEqual(await chunks.result(), numbers);

    const array = Float64Array.from({ length: 200_000 }, (_, i) => i / 7);
    const echo = await den.jobs.submit({
      tool: "echo",
      args: { value: { array, big: 2n ** 80n, when: "x", bytes: new Uint8Array([0, 255]) } },
    });
    const result = await echo.result<Record<string, unknown>>();
    assert.deepEqual(result["array"], array);
    assert.deepEqual([result["big"], result["bytes"]], [2n ** 80n, new Uint8Array([0, 255])]);
    const { resultUrl, result: inline } = await echo.refresh();
    assert.deepEqual([resultUrl, inline], [`/v1/jobs/${echo.id}/result`, undefined]);
  });

  Deno.test(`A job whose worker is killed with -9 runs again, and the attempt says so, over ${carrier}`, async () => {
    await using place = await start({ carrier, size: 1 });
    const { den, ledger } = place;
    const job = await den.jobs.submit({ tool: "steps", args: { count: 10, seconds: 0.1 } });
    const [line] = await until(async () => {
      const lines = await ledgerLines(ledger);
      return lines.length > 0 && lines;
    }, "the job to start");
    signalPid(line?.pid, "SIGKILL");
    const last = await job.done({ timeoutMs: 60_000 });
    assert.deepEqual(outcomes(last), ["failed worker_crashed", "completed"]);
    assert.deepEqual(last.attempts?.map(({ attempt, exit }) => [attempt, exit]), [
      [1, { signal: "SIGKILL" }],
      [2, undefined],
    ]);
    assert.deepEqual([last.attempt, last.result, last.error], [2, 2, undefined]);
    assertNeverTwiceAtOnce(await ledgerLines(ledger));
  });

  Deno.test(`The attempts of a job tell a deadline, silence, memory, a crash and an exception apart, over ${carrier}`, async () => {
    const limits = { memoryBytes: 256 * MIB };
    await using place = await start({ carrier, limits });
    const { den } = place;
    const once = { maxAttempts: 1 } as const;
    const [deadline, silence, memory, crash, exception] = await Promise.all([
      ended(den, { tool: "work", args: { key: 1, seconds: 60 }, timeoutMs: 200, ...once }),
      ended(den, { tool: "work", args: { key: 1, seconds: 60 }, stallTimeoutMs: 200, ...once }),
      ended(den, { tool: "eat_and_stay", args: { megabytes: 400 }, ...once }),
      ended(den, { tool: "fail", args: { times: 1, how: "kill" }, ...once }),
      ended(den, { tool: "fail", args: { times: 1 }, ...once }),
    ]);
    const jobs = [deadline, silence, memory, crash, exception];
    assert.deepEqual(jobs.map(outcomes), [
      ["failed deadline_exceeded"],
      ["failed stalled"],
      ["failed out_of_memory"],
      ["failed worker_crashed"],
      ["failed python_exception"],
    ]);
    assert.deepEqual(new Set(jobs.map(({ state }) => state)), new Set(["discarded"]));
    assert.deepEqual(crash?.attempts?.[0]?.exit, { signal: "SIGKILL" });
    const python = exception?.error?.details?.["python"] as { readonly type?: string };
    assert.equal(python.type, "ValueError");
    await assert.rejects(den.jobs.result(exception?.id ?? ""), { code: "python_exception" });
  });

  Deno.test(`A cancelled job stops its tool, by force if that does not react, over ${carrier}`, async () => {
    await using place = await start({ carrier, size: 2 });
    const { den, ledger } = place;
    const patient = await den.jobs.submit({ tool: "patient" });
    const deaf = await den.jobs.submit({ tool: "deaf" });
    const lines = await until(async () => {
      const found = await ledgerLines(ledger);
      return found.length === 2 && found;
    }, "both to start");
    const cancelling = await patient.cancel({ reason: "no longer needed" });
    assert.deepEqual([cancelling.state === "cancelled" || cancelling.cancelling], [true]);
    await deaf.cancel();
    const [a, b] = await Promise.all([
      patient.done({ timeoutMs: 60_000 }),
      deaf.done({ timeoutMs: 60_000 }),
    ]);
    assert.deepEqual([a.state, a.cancelReason, b.state], [
      "cancelled",
      "no longer needed",
      "cancelled",
    ]);
    const pidOf = (id: string): number => lines.find(({ job }) => job === id)?.pid ?? 0;
    assert.ok((await ledgerLines(ledger)).some(({ what, job }) => what === "C" && job === a.id));
    assert.ok(isAlive(pidOf(a.id)), "the worker of the first one goes on");
    await until(() => !isAlive(pidOf(b.id)), "the worker of the deaf one to end");
    await assert.rejects(patient.result(), { code: "cancelled", message: /no longer needed/ });
    assert.equal(await startsOf(ledger, b.id), 1);
  });
}

Deno.test("A job is retried as its table says", async () => {
  await using place = await start();
  const { den, ledger } = place;
  const cases: readonly [JobInput, string, number][] = [
    [{ tool: "fail", args: { times: 2 } }, "completed", 3],
    [{ tool: "fail", args: { times: 9 } }, "discarded", 3],
    [{ tool: "fail", args: { times: 9 }, maxAttempts: 5 }, "discarded", 5],
    [{ tool: "fail", args: { times: 9 }, retry: { never: ["ValueError"] } }, "discarded", 1],
    [{ tool: "fail", args: { times: 9 }, retry: { never: ["python_exception"] } }, "discarded", 1],
    [
      { tool: "fail", args: { times: 9, name: "KeyError" }, retry: { never: ["LookupError"] } },
      "discarded",
      1,
    ],
    [{ tool: "fail", args: { times: 2 }, retry: { never: ["TypeError"] } }, "completed", 3],
    [{ tool: "fail", args: { times: "no number" } }, "discarded", 1],
    [{ tool: "fail", args: { times: 1, how: "kill" } }, "completed", 2],
  ];
  const jobs = await Promise.all(cases.map(([input]) => ended(den, input)));
  assert.deepEqual(
    jobs.map(({ state, attempt, attempts }) => [state, attempt, attempts?.length]),
    cases.map(([, state, count]) => [state, count, count]),
  );
  assert.equal(jobs[7]?.error?.code, "invalid_arguments");
  assert.equal(await startsOf(ledger, jobs[7]?.id ?? ""), 0);

  const again = await den.jobs.retry(jobs[1]?.id ?? "");
  // It may have run and failed again by now.
  assert.equal(again.maxAttempts, 4);
  const last = await den.jobs.wait(again.id, { timeoutMs: 60_000 });
  assert.deepEqual([last.state, last.attempt, last.attempts?.length], ["discarded", 4, 4]);
});

Deno.test("A chunk of an attempt that crashed is kept beside those of the next one", async () => {
  await using place = await start();
  const { den } = place;
  const job = await den.jobs.submit({ tool: "chunks", args: { count: 4, die_after: 2 } });
  await job.done({ timeoutMs: 60_000 });
  const seen: unknown[] = [];
  let middle = 0;
  for await (const event of job) {
    if (event.type !== "chunk") continue;
    seen.push([event.run, event.value]);
    if (seen.length === 3) middle = event.id;
  }
  assert.deepEqual(seen, [[1, 0], [1, 1], [2, 0], [2, 1], [2, 2], [2, 3]]);
  const rest: unknown[] = [];
  for await (const event of job.events({ after: middle })) {
    if (event.type === "chunk") rest.push(event.value);
  }
  assert.deepEqual(rest, [1, 2, 3]);
});

Deno.test("A job starts at its time, or never if it has expired, or its queue is paused", async () => {
  await using place = await start({ size: 1 });
  const { den, ledger } = place;
  const before = Date.now();
  const delayed = await den.jobs.submit({ tool: "pid", delayMs: 300 });
  assert.deepEqual([delayed.job.state, typeof delayed.job.runAt], ["scheduled", "string"]);
  const { startedAt = "" } = await delayed.done({ timeoutMs: 60_000 });
  assert.ok(Date.parse(startedAt) >= before + 300, "not before its time");

  const held = await den.jobs.submit({ tool: "pid", runAt: new Date(Date.now() + 3_600_000) });
  const { state, waitingFor: wait } = await held.refresh();
  assert.deepEqual([state, wait?.reason], ["scheduled", "time"]);
  await held.retry();
  assert.equal((await held.done({ timeoutMs: 60_000 })).state, "completed");

  await den.queues.pause("default");
  const expiring = await den.jobs.submit({ tool: "work", args: { key: 1 }, ttlMs: 100 });
  const { waitingFor } = await expiring.refresh();
  if (waitingFor !== undefined) assert.equal(waitingFor.reason, "paused");
  const expired = await expiring.done({ timeoutMs: 60_000 });
  assert.deepEqual([expired.state, expired.error?.code], ["discarded", "job_expired"]);
  assert.equal(await startsOf(ledger, expiring.id), 0);
  await assert.rejects(expiring.result(), { code: "job_expired" });

  const waiting = await den.jobs.submit({ tool: "work", args: { key: 2 } });
  assert.equal((await waiting.refresh()).waitingFor?.reason, "paused");
  const { paused, counts } = await den.queues.get("default");
  assert.deepEqual([paused, counts.available], [true, 1]);
  assert.equal((await den.queues.resume("default")).paused, false);
  assert.equal((await waiting.done({ timeoutMs: 60_000 })).result, 2);
});

Deno.test("Jobs with a key give way to each other as their mode says", async () => {
  await using place = await start();
  const { den } = place;
  const later = { tool: "work", delayMs: 3_600_000 } as const;
  for (const mode of ["drop", "replace", "debounce"] as const) {
    const unique = { key: mode, mode };
    const first = await den.jobs.submit({ ...later, args: { key: 1 }, unique });
    const second = await den.jobs.submit({ tool: "work", args: { key: 2 }, unique });
    assert.equal(second.id, first.id);
    assert.equal(second.answer, mode === "drop" ? "dropped" : "replaced");
    if (mode === "debounce") {
      assert.equal((await second.done({ timeoutMs: 60_000 })).result, 2);
      continue;
    }
    assert.equal((await first.refresh()).state, "scheduled");
    await first.retry();
    const { result } = await first.done({ timeoutMs: 60_000 });
    assert.equal(result, mode === "drop" ? 1 : 2);
  }
});

Deno.test("An idempotency key makes one job, and refuses another body", async () => {
  await using place = await start();
  const { den, ledger } = place;
  const input = { tool: "work", args: { key: 1 }, idempotencyKey: "k" } as const;
  const all = await Promise.all(Array.from({ length: 20 }, () => den.jobs.submit(input)));
  assert.equal(new Set(all.map(({ id }) => id)).size, 1);
  assert.equal(all.filter(({ answer }) => answer === "created").length, 1);
  const [job] = all;
  await job?.done({ timeoutMs: 60_000 });
  assert.equal((await den.jobs.submit(input)).answer, "existing");
  assert.equal(await startsOf(ledger, job?.id ?? ""), 1);
  await assert.rejects(den.jobs.submit({ ...input, args: { key: 2 } }), {
    code: "idempotency_conflict",
  });
});

Deno.test("Jobs of a concurrency key run one after the other, and do not hold up others", async () => {
  await using place = await start({ size: 3 });
  const { den, ledger } = place;
  const slow = { tool: "work", args: { key: 1, seconds: 0.1 } } as const;
  const keyed = await den.jobs.submitMany(
    Array.from({ length: 6 }, () => ({ ...slow, concurrency: { key: "a" } })),
  );
  const free = await den.jobs.submit({ tool: "work", args: { key: 2 } });
  assert.equal((await free.done({ timeoutMs: 60_000 })).state, "completed");
  const { waitingFor } = await den.jobs.get(keyed[5]?.id ?? "");
  assert.deepEqual([waitingFor?.reason, waitingFor?.reason === "limit" && waitingFor.key], [
    "limit",
    "a",
  ]);
  await Promise.all(keyed.map(({ id }) => den.jobs.wait(id, { timeoutMs: 60_000 })));
  const lines = (await ledgerLines(ledger)).filter(({ job }) => job !== free.id);
  assert.equal(lines.map(({ what }) => what).join(""), "SE".repeat(6));
  assert.deepEqual(
    lines.filter(({ what }) => what === "S").map(({ job }) => job),
    keyed.map(({ id }) => id),
  );
});

Deno.test("Jobs go by priority, then by their order, and say how many go before them", async () => {
  await using place = await start({ size: 1 });
  const { den, ledger } = place;
  const first = await den.jobs.submit({ tool: "work", args: { key: 0, seconds: 0.5 } });
  await running(first);
  const ids: string[] = [];
  for (const priority of [0, -5, 10, 0]) {
    ids.push((await den.jobs.submit({ tool: "work", args: { key: 1 }, priority })).id);
  }
  const { waitingFor } = await den.jobs.get(ids[1] ?? "");
  assert.deepEqual([waitingFor?.reason, waitingFor?.reason === "position" && waitingFor.ahead], [
    "position",
    3,
  ]);
  for (const id of ids) await den.jobs.wait(id, { timeoutMs: 60_000 });
  const starts = (await ledgerLines(ledger)).filter(({ what }) => what === "S");
  assert.deepEqual(starts.map(({ job }) => job), [first.id, ids[2], ids[0], ids[3], ids[1]]);
});

Deno.test("A job of a strict session runs in the worker of the session, and reads its variables", async () => {
  await using place = await start({
    size: 3,
    adapter: ["job_work", "keeps_state:KeepsState"],
  });
  const { den } = place;
  const strict = { sessionId: "s", affinity: "strict_queue" } as const;
  const { variables } = await den.sessions.open("s");
  await variables.set("x", 7);
  const bound = await den.execute("pid", {}, strict);
  const jobs = await den.jobs.submitMany(
    Array.from({ length: 8 }, () => ({ tool: "pid", ...strict })),
  );
  const pids = await Promise.all(
    jobs.map(async ({ id }) => (await den.jobs.wait(id, { timeoutMs: 60_000 })).result),
  );
  assert.deepEqual(new Set(pids), new Set([bound]));
  const read = await ended(den, { tool: "read", args: { name: "x" }, sessionId: "s" });
  assert.equal(read.result, 7);
  const missing = await ended(den, { tool: "read", args: { name: "x" }, sessionId: "gone" });
  assert.equal(missing.state, "discarded", JSON.stringify(missing.error));
});

Deno.test("A job of a pool that is gone after a restart waits for it, and so does one of a tool that is gone", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  const both = [
    { name: "default", size: 1, adapter: "job_work", modulePaths: [ADAPTERS], env },
    { name: "other", size: 1, adapter: "job_work", modulePaths: [ADAPTERS], env },
  ];
  const ids: string[] = [];
  {
    await using den = await startDen({}, { dataDir: dir.path, pools: both });
    await den.queues.pause("default");
    for (const pool of ["other", "default"]) {
      ids.push((await den.jobs.submit({ tool: "work", args: { key: 3 }, pool })).id);
    }
  }
  const [waits = "", lacks = ""] = ids;
  {
    await using den = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
    assert.equal((await den.queues.get("default")).paused, true);
    await den.queues.resume("default");
    const job = await until(async () => {
      const found = await den.jobs.get(lacks);
      return found.state === "retryable" ? found : undefined;
    }, "the job that no worker can run");
    assert.deepEqual([job.error?.code, job.attempt, job.attempts], ["unknown_tool", 0, []]);
    const { waitingFor } = await den.jobs.get(waits);
    assert.deepEqual(waitingFor, {
      reason: "pool",
      pool: "other",
      detail: "there is no pool other",
    });
  }
  await using den = await startDen({}, { dataDir: dir.path, pools: both });
  assert.equal((await den.jobs.wait(waits, { timeoutMs: 60_000 })).result, 3);
  const job = await den.jobs.wait(lacks, { timeoutMs: 60_000 });
  assert.deepEqual([job.result, job.attempt], [3, 1]);
});

Deno.test("A program beside a host has no jobs, and is told who has", async () => {
  await using dir = await tempDir();
  await using place = await start({}, { dataDir: dir.path });
  await using beside = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
  const error = {
    code: "store_unavailable",
    message: new RegExp(`process id ${Deno.pid} \\(run ${place.den.runId}\\).*SNAKEDEN_URL`),
    details: { pid: Deno.pid, runId: place.den.runId },
  };
  await assert.rejects(beside.jobs.submit({ tool: "ping" }), error);
  await assert.rejects(beside.jobs.list(), error);
  await assert.rejects(beside.queues.list(), error);
  assert.equal(await beside.execute("add", { a: 1, b: 2 }), 3);
});
