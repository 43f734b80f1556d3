import fc from "fast-check";
import assert from "node:assert/strict";
import type { CallState } from "../../src/pool/calls/call.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, nextTurn, until } from "../fixtures/until.ts";

/**
 * The run time that workers report for each call, and the number of such calls that spend the
 * budget of 1 ms.
 */
const RUN_MS = 0.25;
const WINDOW = 5;
/** The most workers of a pool, whatever it is resized to. */
const MOST_WORKERS = 6;

const ENDED: readonly CallState[] = ["settled"];

/** An event in the life of a pool. `which` selects one of the calls or workers that exist then. */
type Step =
  | {
    readonly do: "call";
    readonly tool: string;
    readonly priority: number;
    readonly timed: boolean;
  }
  | {
    readonly do: "answer" | "leave" | "told" | "crash" | "lose stream" | "stop worker";
    readonly which: number;
  }
  | { readonly do: "resize"; readonly min: number; readonly more: number; readonly spare: number }
  | { readonly do: "pause" | "resume" | "clean" | "start ahead" }
  | { readonly do: "time"; readonly ms: number }
  | { readonly do: "turn" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      tool: fc.constantFrom("echo", "echo", "hold", "hold", "deaf", "raise", "die", "stream"),
      priority: fc.integer({ min: -10, max: 10 }),
      timed: fc.boolean(),
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
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("crash", "lose stream", "stop worker", "told"),
      which: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("time" as const),
      ms: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 900 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("resize" as const),
      min: fc.nat({ max: 3 }),
      more: fc.nat({ max: 3 }),
      spare: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("pause", "resume", "resume", "clean", "start ahead"),
    }),
  },
);

class Run {
  readonly #it: FakePool;
  readonly #clock: FakeClock;
  readonly #window: number;
  readonly #stopsFirst: boolean;
  readonly #leaving: AbortController[] = [];
  #refused = 0;

  /**
   * @param options.window Most calls that a worker may have in flight.
   * @param options.stopsFirst True if a worker ends before its successor starts.
   */
  constructor(
    it: FakePool,
    clock: FakeClock,
    { window, stopsFirst }: { readonly window: number; readonly stopsFirst: boolean },
  ) {
    this.#it = it;
    this.#clock = clock;
    this.#window = window;
    this.#stopsFirst = stopsFirst;
  }

  async take(step: Step): Promise<void> {
    const { alive } = this.#it.launcher;
    switch (step.do) {
      case "call":
        return this.#call(step.tool, step.priority, step.timed);
      case "answer": {
        const busy = alive.filter((worker) => worker.running);
        return busy[step.which % busy.length]?.answer();
      }
      case "told":
        return alive[step.which % alive.length]?.leave();
      case "stop worker": {
        const { pool } = this.#it;
        const worker = pool.workers[step.which % pool.workers.length];
        // Its call may be one that only the test answers.
        if (worker !== undefined) void pool.stopWorker(worker);
        return;
      }
      case "leave":
        return this.#leaving[step.which % this.#leaving.length]?.abort(new Error("left"));
      case "crash":
        return alive[step.which % alive.length]?.exit({ signal: "SIGSEGV" });
      case "lose stream":
        return alive[step.which % alive.length]?.carrier.end();
      case "resize": {
        const max = Math.max(1, step.min + step.more);
        this.#it.pool.resize({ min: step.min, max, spare: Math.min(step.spare, max) });
        return;
      }
      case "pause":
        return this.#it.pool.pause();
      case "resume":
        return this.#it.pool.resume();
      case "clean":
        return void this.#it.pool.cleanIdle();
      case "start ahead":
        return void this.#it.pool.startAhead(1);
      case "time":
        return this.#clock.advance(step.ms);
      case "turn":
        return await nextTurn();
    }
  }

  #call(tool: string, priority: number, timed: boolean): void {
    const leaving = new AbortController();
    try {
      this.#it.submit(tool, {
        priority,
        signal: leaving.signal,
        timeoutMs: timed ? 300 : 3_600_000,
      });
      this.#leaving.push(leaving);
    } catch {
      this.#refused++;
    }
  }

  /** Asserts the invariants, which hold after every step. */
  check(): void {
    const { pool, launcher, calls } = this.#it;
    const { requests, completed, failed, cancelled, timedOut, crashed, refused } = pool.stats;
    const open = calls.filter((it) => it.state === "queued" || it.state === "running").length;
    assert.equal(completed + failed + cancelled + timedOut + crashed + refused + open, requests);
    assert.equal(requests, calls.length + this.#refused);
    assert.equal(pool.queued, calls.filter((it) => it.state === "queued").length);
    // Calls that come back wait beyond the limit, which is for new ones, and those for which
    // workers are started.
    const forStarts = MOST_WORKERS;
    assert.ok(pool.queued <= pool.queueLimit + forStarts + launcher.launches * (this.#window - 1));
    // One that ends counts no more, and one successor may be starting.
    const starting = pool.workers.filter((it) => it.state === "starting").length;
    assert.ok(pool.serving.length <= pool.size);
    assert.ok(pool.serving.length + starting <= pool.size + (this.#stopsFirst ? 0 : 1));
    const most = Math.max(...launcher.mostAlive.values());
    assert.ok(!this.#stopsFirst || most === 1, `a slot had ${most} processes`);
    assert.ok(launcher.workers.every((it) => it.mostOpen <= this.#window), "a window overflowed");
    const started = launcher.workers.flatMap((it) => it.started);
    assert.equal(new Set(started).size, started.length, "a call was started twice");
    const idle = pool.workers.filter((it) => it.state === "ready" && !it.isSpent).length;
    assert.ok(
      idle === 0 || pool.queued === 0 || pool.isPaused,
      `${pool.queued} wait while ${idle} are idle`,
    );
  }

  /** Everything that was begun comes to its end. */
  async quiesce(): Promise<void> {
    const { pool, launcher } = this.#it;
    pool.resume();
    await until(() => {
      for (const worker of launcher.alive) if (worker.running) worker.answer();
      this.#clock.advance(50);
      const { min, max } = pool.limits;
      const { length } = pool.workers;
      return pool.queued === 0 && length >= min && length <= max && pool.occupied === length &&
        pool.workers.every((it) => it.state === "ready" && !it.isSpent);
    }, "all workers are ready and nothing waits");
    await this.#endAll();
    assert.equal(launcher.alive.length, pool.workers.length, "ready workers are the live ones");
    assert.equal(this.#it.pool.deadlines.size, 0, "an alarm is left");
    this.check();
    for (let i = 0; i < pool.size; i++) this.#it.submit("echo");
    await this.#endAll();
  }

  /** Bounded, since a run that hangs would count as one that ran out of time. */
  async #endAll(): Promise<void> {
    const { calls } = this.#it;
    await until(() => calls.every((it) => ENDED.includes(it.state)), "every call has ended");
    await Promise.all(calls.map(endOf));
  }
}

Deno.test("Pool ends every call once, neither reuses nor loses a slot, and keeps its counters consistent", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 6 }),
      fc.constantFrom(0, 1, 1),
      fc.record({
        notesProgress: fc.constantFrom(true, true, false),
        ignoresRecall: fc.constantFrom(false, false, true),
        runMs: fc.constant(RUN_MS),
      }),
      fc.constantFrom(undefined, undefined, 1, 3),
      fc.constantFrom("auto" as const, "stop_first" as const),
      fc.array(step, { maxLength: 60, size: "max" }),
      async (size, queueLimit, pipelineBudgetMs, worker, maxCalls, replace, steps) => {
        const clock = new FakeClock();
        const recycle = { maxCalls };
        const times = { cancelGraceMs: 100, drainMs: 5 };
        const idleTtlMs = 500;
        const options = {
          idleTtlMs,
          size,
          queueLimit,
          pipelineBudgetMs,
          recycle,
          replace,
          ...times,
        };
        await using it = await FakePool.start(options, worker, { clock });
        const pipelines = pipelineBudgetMs > 0 && worker.notesProgress;
        const run = new Run(it, clock, {
          window: pipelines ? WINDOW : 1,
          stopsFirst: replace === "stop_first",
        });
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
