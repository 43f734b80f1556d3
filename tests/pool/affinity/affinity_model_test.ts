import fc from "fast-check";
import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import type { AffinityMode, Call } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";
import { microtasks, nextTurn, until } from "../../fixtures/until.ts";

/** An event in the life of a pool. `which` selects one of the workers or calls that exist then. */
type Step =
  | {
    readonly do: "call";
    readonly session: number;
    readonly affinity: AffinityMode;
    readonly rebind: boolean;
    readonly tool: string;
    readonly priority: number;
  }
  | {
    readonly do: "answer" | "leave" | "told" | "crash" | "lose stream" | "stop worker";
    readonly which: number;
  }
  | { readonly do: "time"; readonly ms: number }
  | { readonly do: "recycle" | "reload" | "turn" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      session: fc.nat({ max: 3 }),
      affinity: fc.constantFrom(
        "hint" as const,
        "strict_queue" as const,
        "strict_queue" as const,
        "strict_fail_fast" as const,
      ),
      rebind: fc.constantFrom(false, false, true),
      tool: fc.constantFrom("echo", "echo", "hold", "hold", "raise", "die"),
      priority: fc.integer({ min: -2, max: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("answer", "answer", "answer", "leave"),
      which: fc.nat(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("crash", "lose stream", "stop worker", "told"),
      which: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("time" as const), ms: fc.nat({ max: 25 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("recycle", "reload") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
);

/** A call of a session, as the model sees it. Times are numbers of events. */
interface Seen {
  readonly session: number;
  readonly affinity: AffinityMode;
  readonly rebind: boolean;
  readonly submittedAt: number;
  readonly call: Call;
  startedAt?: number;
}

class Run {
  readonly #it: FakePool;
  readonly #clock: FakeClock;
  readonly #leaving: AbortController[] = [];
  readonly #seen = new Map<string, Seen>();
  readonly #scanned = new Map<FakeWorker, number>();
  /** The worker in which the last strict call of each session began. */
  readonly #last = new Map<number, { readonly worker: FakeWorker; readonly at: number }>();
  #events = 0;

  constructor(it: FakePool, clock: FakeClock) {
    this.#it = it;
    this.#clock = clock;
  }

  async take(step: Step): Promise<void> {
    const { pool, launcher: { alive } } = this.#it;
    switch (step.do) {
      case "call":
        return this.#call(step);
      case "answer": {
        const busy = alive.filter((worker) => worker.running);
        return busy[step.which % busy.length]?.answer();
      }
      case "told":
        return alive[step.which % alive.length]?.leave();
      case "stop worker": {
        const worker = pool.workers[step.which % pool.workers.length];
        if (worker !== undefined) void pool.stopWorker(worker);
        return;
      }
      case "leave":
        return this.#leaving[step.which % this.#leaving.length]?.abort(new Error("left"));
      case "crash":
        return alive[step.which % alive.length]?.exit({ signal: "SIGSEGV" });
      case "lose stream":
        return alive[step.which % alive.length]?.carrier.end();
      case "recycle":
        return void pool.recycle(undefined);
      case "reload":
        return pool.reload({ files: ["texts.py"] });
      case "time":
        return this.#clock.advance(step.ms);
      case "turn":
        return await nextTurn();
    }
  }

  #call({ session, affinity, rebind, tool, priority }: Step & { do: "call" }): void {
    const leaving = new AbortController();
    const requestId = `${this.#seen.size}`;
    const sessionId = `s${session}`;
    const submittedAt = ++this.#events;
    try {
      const request = { sessionId, affinity, rebind, priority, requestId, signal: leaving.signal };
      const call = this.#it.submit(tool, { ...request, timeoutMs: 3_600_000 });
      this.#leaving.push(leaving);
      this.#seen.set(requestId, { session, affinity, rebind, submittedAt, call });
      call.outcome.catch((error) => this.#checkRefusal(error, { rebind }));
    } catch (error) {
      this.#checkRefusal(error, { rebind });
    }
  }

  /** Asserts that a session that is refused has indeed lost its worker. */
  #checkRefusal(error: unknown, { rebind }: { readonly rebind: boolean }): void {
    if (!(error instanceof SnakedenError) || error.code !== "session_worker_unavailable") return;
    assert.ok(!rebind, "a call that may rebind was refused");
    const { incarnation } = error.details;
    assert.ok(!this.#serves(incarnation), "its worker is there");
    assert.equal(error.retryable, false);
  }

  #serves(incarnation: unknown): boolean {
    return this.#it.pool.serving.some((worker) => worker.incarnation === incarnation);
  }

  /** Asserts the invariants, which hold after every step. */
  check(): void {
    const { pool, launcher, calls } = this.#it;
    // What a dead worker began, it began before a call of the same session began elsewhere.
    for (const worker of launcher.workers.toSorted((a, b) => Number(b.ended) - Number(a.ended))) {
      for (const id of worker.started.slice(this.#scanned.get(worker) ?? 0)) {
        this.#began(id, worker);
      }
      this.#scanned.set(worker, worker.started.length);
    }
    const queued = calls.filter((it) => it.state === "queued");
    assert.equal(pool.queued, queued.length);
    const idle = pool.serving.filter((it) => it.state === "ready" && !it.isSpent).length;
    assert.ok(
      idle === 0 || queued.every(({ isBound }) => isBound),
      "calls wait beside idle workers",
    );
    for (const { affinity, call } of this.#seen.values()) {
      assert.ok(affinity !== "strict_fail_fast" || call.state !== "queued", "it waits");
    }
    const { requests, completed, failed, cancelled, timedOut, crashed, refused } = pool.stats;
    const open = calls.filter((it) => it.state !== "settled").length;
    assert.equal(completed + failed + cancelled + timedOut + crashed + refused + open, requests);
  }

  /** Asserts that a strict call runs in no other incarnation than its session is bound to. */
  #began(id: string, worker: FakeWorker): void {
    const call = this.#seen.get(id);
    if (call === undefined || call.affinity === "hint") return;
    assert.equal(call.startedAt, undefined, "it ran twice");
    call.startedAt = ++this.#events;
    const last = this.#last.get(call.session);
    this.#last.set(call.session, { worker, at: call.startedAt });
    if (last === undefined || last.worker === worker) return;
    assert.ok(!this.#serves(last.worker.incarnation), "its session has left a worker that serves");
    const rebinds = [...this.#seen.values()].some((it) =>
      it.session === call.session && it.rebind && it.affinity !== "hint" &&
      it.submittedAt <= call.submittedAt && (it.startedAt ?? Infinity) > last.at
    );
    assert.ok(rebinds, "a blank worker answers a session that has not started again");
  }

  /** Everything that was begun comes to its end. */
  async quiesce(): Promise<void> {
    const { pool, launcher, calls } = this.#it;
    await until(() => {
      for (const worker of launcher.alive) if (worker.running) worker.answer();
      this.#clock.advance(50);
      return pool.queued === 0 && pool.workers.length === pool.size &&
        pool.workers.every((it) => it.state === "ready" && !it.isSpent) &&
        calls.every((it) => it.state === "settled");
    }, "all workers are ready, and every call has ended");
    await Promise.all(calls.map(endOf));
    this.check();
  }
}

Deno.test("Affinity: no strict call is ever run by another incarnation than that of its session, whatever happens to workers", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(0, 1, 1),
      fc.record({
        notesProgress: fc.constantFrom(true, true, false),
        ignoresRecall: fc.constantFrom(false, false, true),
        runMs: fc.constant(0.25),
        idempotent: fc.boolean(),
      }),
      fc.constantFrom(undefined, undefined, 3),
      fc.constantFrom("auto" as const, "stop_first" as const),
      fc.array(step, { maxLength: 60, size: "max" }),
      async (size, pipelineBudgetMs, worker, maxCalls, replace, steps) => {
        const clock = new FakeClock();
        const options = { size, pipelineBudgetMs, replace, recycle: { maxCalls } };
        const times = { cancelGraceMs: 100, drainMs: 5, poisonAfter: 100 };
        await using it = await FakePool.start({ ...options, ...times }, worker, { clock });
        const run = new Run(it, clock);
        for (const each of steps) {
          await run.take(each);
          await microtasks();
          run.check();
        }
        await run.quiesce();
      },
    ),
    { numRuns: 100, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
});
