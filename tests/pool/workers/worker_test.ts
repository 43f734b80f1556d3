import assert from "node:assert/strict";
import { Alarms } from "../../../src/async/alarms.ts";
import { profileOf } from "../../../src/pool/profiles/mod.ts";
import { memoryBreach } from "../../../src/pool/workers/worker_limits.ts";
import { Worker } from "../../../src/pool/workers/worker.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { FakeLauncher } from "../../fixtures/fakes/fake_launcher.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";

/** A worker that serves, and the process behind it. */
async function startWorker(): Promise<{ worker: Worker; fake: FakeWorker }> {
  const launcher = new FakeLauncher();
  const ignore = (): void => {};
  const worker = new Worker(
    {
      id: "p-1",
      incarnation: "p-1.a",
      alarms: new Alarms(new FakeClock()),
      profile: profileOf({ profile: "process" }),
    },
    { onLost: ignore, onLeaving: ignore, onMemory: ignore, onWorn: ignore },
  );
  await worker.start(launcher, new AbortController().signal);
  const [fake] = launcher.workers;
  assert.ok(fake);
  return { worker, fake };
}

Deno.test("Worker.crashOf() names the first cause of its end", async () => {
  const breach = memoryBreach({ memoryBytes: 1 }, 2);
  assert.ok(breach);
  const cases: readonly [
    (worker: Worker) => void,
    kind: string,
    reason: RegExp,
    wanted: boolean,
  ][] = [
    [(it) => it.kill("was killed: the host stops"), "killed_by_host", /host stops/, true],
    [(it) => it.killForFault(breach.text, breach), "out_of_memory", /memoryBytes/, false],
    [(it) => it.killForFault("was killed: silent"), "killed_by_host", /silent/, false],
  ];
  for (const [first, kind, reason, isWanted] of cases) {
    const { worker } = await startWorker();
    first(worker);
    for (const [later] of cases) later(worker);
    const exit = await worker.died();
    const crash = worker.crashOf(exit);
    assert.equal(crash.kind, kind);
    assert.match(crash.reason ?? "", reason);
    assert.equal(worker.stopRequested, isWanted);
    assert.match(worker.crashError(exit, "add").message, reason);
  }
});

Deno.test("Worker.crashOf() classifies the exit if the host had no part in the end", async () => {
  const { worker, fake } = await startWorker();
  const died = worker.died();
  fake.exit({ signal: "SIGSEGV" });
  assert.deepStrictEqual(worker.crashOf(await died), { kind: "segfault" });
  assert.equal(worker.stopRequested, false);
});

Deno.test("Worker.crashOf() names a lost link if the process ended by it before the host looked", async () => {
  for (
    const [ownStatus, kind, text] of [
      [5, "link_lost", /exit code 5 \(it lost the link to the host\)/],
      [undefined, "exit", /exit code 5$/],
    ] as const
  ) {
    const { worker, fake } = await startWorker();
    const died = worker.died();
    fake.ownStatus = ownStatus;
    fake.exit({ exitCode: 5 });
    const exit = await died;
    assert.equal(worker.crashOf(exit).kind, kind);
    assert.match(worker.crashError(exit, "add").summary, text);
  }
});

Deno.test("Worker.crashOf() names a link that ended before the process, and a breach of its protocol", async () => {
  const lost = await startWorker();
  const died = lost.worker.died();
  lost.fake.carrier.end();
  assert.equal(lost.worker.crashOf(await died).kind, "link_lost");

  const broken = await startWorker();
  const ended = broken.worker.died();
  broken.fake.carrier.deliver({ result: { id: 99, value: null, runMs: 0 } });
  assert.equal(broken.worker.crashOf(await ended).kind, "protocol_error");
});
