import assert from "node:assert/strict";
import { PythonError, SnakedenError } from "../../../src/errors.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { EngineFixture, LEASE_MS } from "./engine_fixture.ts";

/** Returns the lines of the log about jobs, from the level on. */
async function lines(log: LogSink): Promise<string[]> {
  const text = await log.text();
  return text.split("\n").filter((it) => / jobs +/.test(it)).map((it) => it.replace(/^\S+ /, ""));
}

Deno.test("JobEngine logs an attempt that failed, and a job that is discarded", async () => {
  await using log = new LogSink();
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit(1, { maxAttempts: 2 });
  (await it.running(id)).fail(new SnakedenError("deadline_exceeded", "it took too long"));
  await it.reaches(id, "retryable");
  await it.pass(1_500);
  const python = { type: "ValueError", message: "no rows" };
  (await it.running(id)).fail(new PythonError("tool 't' raised ValueError: no rows", python));
  await it.reaches(id, "discarded");
  const [first = "", second = "", ...more] = await lines(log);
  assert.deepEqual(more, []);
  assert.match(first, /^INFO +jobs +attempt 1 of 2 of a job failed; the next .* in 1000 ms /);
  assert.match(first, new RegExp(`jobId=${id} .*pool=p .*code=deadline_exceeded problem="it took`));
  assert.match(second, /^WARN +jobs +a job is discarded: attempt 2 of 2 failed /);
  assert.match(second, /code=python_exception exception="ValueError: no rows"/);
});

Deno.test("JobEngine logs that an error is not retried", async () => {
  await using log = new LogSink();
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit(1, { maxAttempts: 2 });
  (await it.running(id)).fail(new SnakedenError("unknown_tool", "There is no tool"));
  await it.reaches(id, "discarded");
  assert.match(
    (await lines(log)).join(),
    /attempt 1 of 2 failed with an error that is not retried /,
  );
});

Deno.test("JobEngine logs no failure of a job that is cancelled", async () => {
  await using log = new LogSink();
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const run = await it.running(id);
  await it.store.cancel({ ids: [id] });
  run.fail(new SnakedenError("deadline_exceeded", "it took too long"));
  await it.reaches(id, "cancelled");
  assert.deepEqual(await lines(log), []);
});

for (const [count, text] of [[1, /a running job has lost its host/], [2, /2 running jobs have/]]) {
  Deno.test(`JobEngine logs that ${count} of its jobs lost a host`, async () => {
    await using log = new LogSink();
    await using dead = await EngineFixture.open({ size: 0 });
    await dead.submit(Number(count));
    const pools = [{ pool: "p", slots: 2 }];
    await dead.store.claim({ pools, holder: "dead", leaseMs: LEASE_MS, waitMs: 0 });
    await dead.pass(LEASE_MS + 2_500);
    assert.match((await lines(log)).join("\n"), text as RegExp);
  });
}
