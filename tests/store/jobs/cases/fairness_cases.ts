import assert from "node:assert/strict";
import type { NewJob } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, newJobs } from "../job_kit.ts";

const FAIR = { name: "default", fairBy: "metadata.tenant" };

function of(tenant: string, fields: Partial<NewJob> = {}): Partial<NewJob> {
  return { metadata: { tenant }, ...fields };
}

/** Returns the tenants of all jobs that wait, in the order of their starts. */
async function starts(kit: JobKit, { slots = 1, end = true } = {}): Promise<string[]> {
  const started: string[] = [];
  while (true) {
    const claims = await kit.take({ slots });
    if (claims.length === 0) return started;
    for (const claim of claims) {
      started.push(String(claim.job.metadata["tenant"] ?? "-"));
      if (end) await kit.end(claim);
    }
  }
}

/** Registers the cases about queues that share their slots by a key. */
export function testFairness(driver: JobDriver): void {
  const test = (name: string, run: (kit: JobKit) => Promise<void>): void => {
    Deno.test(`${driver.name}: fairness: ${name}`, async () => {
      await using kit = await JobKit.open(driver);
      await kit.store.declareQueues([FAIR]);
      await run(kit);
    });
  };

  for (const slots of [1, 3]) {
    test(`keys take turns, also in claims of ${slots}`, async (kit) => {
      await kit.store.submit(newJobs(4, () => of("a")));
      await kit.store.submit(newJobs(2, () => of("b")));
      await kit.store.submit([newJob(of("c"))]);
      assert.equal((await starts(kit, { slots })).join(""), "abcabaa");
    });
  }

  test("a key of 10 jobs waits for at most as many starts of one of 100,000", async (kit) => {
    for (let i = 0; i < 10; i++) await kit.store.submit(newJobs(10_000, () => of("large")));
    const first = await kit.take({ slots: 100 });
    assert.equal(first.length, 100);
    await kit.store.submit(newJobs(10, () => of("small")));
    const order: string[] = [];
    while (order.filter((it) => it === "small").length < 10) {
      for (const { job } of await kit.take({ slots: 4 })) order.push(String(job.metadata.tenant));
    }
    assert.ok(order.lastIndexOf("small") < 20, order.join(" "));
  });

  test("a priority goes before the turns, and does not change those of another one", async (kit) => {
    await kit.store.submit(newJobs(3, () => of("a", { priority: 1 })));
    await kit.store.submit(newJobs(3, () => of("a")));
    await kit.store.submit([newJob(of("b", { priority: 1 }))]);
    await kit.store.submit([newJob(of("b"))]);
    assert.equal((await starts(kit)).join(""), "abaaabaa");
  });

  test("jobs of one pool take no turns from those of another", async (kit) => {
    await kit.store.submit(newJobs(50, () => of("a", { pool: "other" })));
    await kit.store.submit(newJobs(2, () => of("b")));
    await kit.store.submit(newJobs(2, () => of("a")));
    assert.equal((await starts(kit)).join(""), "baba");
  });

  test("jobs without the value share the empty key", async (kit) => {
    await kit.store.submit([
      ...newJobs(2, () => ({})),
      ...newJobs(2, () => ({ metadata: { tenant: { id: 1 } } })),
      newJob(of("a")),
    ]);
    assert.deepEqual(await starts(kit), ["-", "a", "-", "[object Object]", "[object Object]"]);
  });

  test("a number and the same text are one key, and a path reaches into objects", async (kit) => {
    await kit.store.declareQueues([{ name: "default", fairBy: "metadata.customer.id" }]);
    const job = (id: unknown): NewJob => newJob({ metadata: { customer: { id }, tenant: id } });
    await kit.store.submit([job(7), job("7"), job("8"), job(true), job("true")]);
    assert.deepEqual(await starts(kit), ["7", "8", "true", "7", "true"]);
  });

  test("a key that returns has no turns in store, and none to pay", async (kit) => {
    await kit.store.submit(newJobs(6, () => of("a")));
    for (let i = 0; i < 4; i++) await kit.end(await kit.one());
    await kit.store.submit(newJobs(2, () => of("b")));
    assert.equal((await starts(kit)).join(""), "abab");
    await kit.sweep();
    await kit.reopen();
    await kit.store.submit([newJob(of("a")), newJob(of("a")), newJob(of("b"))]);
    assert.equal((await starts(kit)).join(""), "aba");
  });

  test("cancelled jobs give their turns back", async (kit) => {
    const cancelled = newJobs(100, () => of("a"));
    await kit.store.submit(cancelled);
    await kit.store.submit(newJobs(3, () => of("b")));
    await kit.store.cancel({ ids: cancelled.map(({ id }) => id) });
    await kit.store.submit(newJobs(2, () => of("a")));
    assert.equal((await starts(kit)).join(""), "babab");
  });

  test("a job that failed or was returned keeps its turn; one that had ended takes another", async (kit) => {
    await kit.store.submit(newJobs(3, () => of("a")));
    const first = await kit.one();
    await kit.store.submit(newJobs(2, () => of("b")));
    await kit.end(first, { type: "returned", hasBegun: true });
    const again = await kit.one();
    assert.equal(again.job.id, first.job.id);
    await kit.fail(again, 100);
    kit.clock.advance(100);
    const third = await kit.one();
    assert.equal(third.job.id, first.job.id);
    await kit.end(third);
    await kit.store.retry({ ids: [first.job.id] });
    assert.equal((await starts(kit)).join(""), "ababa");
  });

  test("a job takes its turn when its time has come", async (kit) => {
    const late = newJob(of("a", { start: { inMs: 1_000 } }));
    await kit.store.submit([late, ...newJobs(3, () => of("a")), ...newJobs(2, () => of("b"))]);
    kit.clock.advance(1_000);
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      const claim = await kit.one();
      order.push(claim.job.id === late.id ? "late" : String(claim.job.metadata.tenant));
    }
    assert.deepEqual(order, ["a", "b", "a", "b", "a", "late"]);
  });

  test("jobs that a limit of a key holds are let through by their turns", async (kit) => {
    const concurrency = { key: "c", limit: 1 };
    await kit.store.submit(newJobs(5, () => of("a", { concurrency })));
    await kit.store.submit(newJobs(2, () => of("b", { concurrency })));
    assert.equal((await starts(kit)).join(""), "ababaaa");
  });

  test("between queues, the first job of each decides", async (kit) => {
    await kit.store.declareQueues([FAIR, { name: "plain" }]);
    const plain = (): NewJob => newJob({ queue: "plain", metadata: { tenant: "p" } });
    await kit.store.submit([newJob(of("a")), newJob(of("a")), plain(), newJob(of("b")), plain()]);
    assert.equal((await starts(kit, { slots: 5 })).join(""), "apbap");
  });

  test("a queue that is not shared any more lets neither old nor later jobs starve", async (kit) => {
    await kit.store.submit(newJobs(4, () => of("a")));
    await kit.store.declareQueues([{ name: "default" }]);
    await kit.reopen();
    await kit.store.submit(newJobs(2, () => of("x")));
    assert.equal((await kit.store.queues())[0]?.fairBy, undefined);
    assert.equal((await starts(kit)).join(""), "axaxaa");
    await kit.sweep();
    await kit.store.submit([newJob(of("a")), newJob(of("a")), newJob(of("b"))]);
    assert.equal((await starts(kit)).join(""), "aab");
  });

  test("jobs that wait when a queue becomes shared go first, in their order", async (kit) => {
    await kit.store.declareQueues([{ name: "default" }]);
    await kit.store.submit([newJob(of("a")), newJob(of("a")), newJob(of("b"))]);
    await kit.store.declareQueues([FAIR]);
    await kit.store.submit([newJob(of("a")), newJob(of("a")), newJob(of("b"))]);
    assert.equal((await starts(kit)).join(""), "aababa");
  });

  test("another path begins with turns of its own", async (kit) => {
    await kit.store.submit(newJobs(5, () => ({ metadata: { tenant: "a", region: "eu" } })));
    await kit.store.declareQueues([{ name: "default", fairBy: "metadata.region" }]);
    await kit.store.submit(newJobs(2, () => ({ metadata: { tenant: "x", region: "eu" } })));
    assert.equal((await kit.store.queues())[0]?.fairBy, "metadata.region");
    assert.equal((await starts(kit)).join(""), "axaxaaa");
  });

  test("a reopened store goes on with the turns; a list and a position show them", async (kit) => {
    await kit.store.submit(newJobs(3, () => of("a")));
    await kit.end(await kit.one());
    await kit.reopen();
    const last = await kit.submit(of("b"));
    if (kit.isDurable) await kit.reopen();
    assert.deepEqual(await kit.store.waitOf(last.id), { reason: "position", ahead: 1 });
    const { items } = await kit.store.list({ states: ["available"] }, { limit: 2 });
    assert.deepEqual(items.map(({ metadata }) => metadata.tenant), ["b", "a"]);
    assert.equal((await starts(kit)).join(""), "aba");
  });
}
