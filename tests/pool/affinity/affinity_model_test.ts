import fc from "fast-check";
import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import type { AffinityMode, Call } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import type {
  FakeWorker,
  FakeWorkerEvent,
  FakeWorkerOptions,
} from "../../fixtures/fakes/fake_worker.ts";
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
  | { readonly do: "forget"; readonly session: number }
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
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("forget" as const), session: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("recycle", "reload") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
);

/** A call of a session, as the model sees it. */
interface Seen {
  readonly life: Life;
  readonly affinity: AffinityMode;
  readonly rebind: boolean;
  /** The incarnations that took calls when it was submitted. */
  readonly serving: ReadonlySet<string>;
  /**
   * True if the session may start again with it: it says so itself, or it was submitted while
   * another such call had not begun.
   */
  readonly mayStartAgain: boolean;
  /** The home of the session when it was submitted. */
  readonly homeBefore: FakeWorker | undefined;
  hasBegun: boolean;
  /** The number of homes of the session when a worker took it. */
  homesWhenTaken: number;
  /** Undefined if it was refused at once. */
  call: Call | undefined;
}

/** The time of a session until the pool is told to forget it. */
interface Life {
  /** The worker in which the last strict call began, or that answered the last hint before any. */
  home: FakeWorker | undefined;
  /** True once a strict call was submitted. Hints do not move the session after that. */
  isStrict: boolean;
  /** The home of each time since the first strict call. */
  readonly homes: FakeWorker[];
  /** The incarnations in which a call has begun. */
  readonly ranIn: Set<string>;
}

function newLife(): Life {
  return { home: undefined, isStrict: false, homes: [], ranIn: new Set() };
}

/**
 * The model. It learns from the workers when each call begins, in the order of these events: when
 * two workers die in one step, the order of their calls cannot be told afterwards.
 */
class Run {
  readonly #it: FakePool;
  readonly #clock: FakeClock;
  readonly #leaving: AbortController[] = [];
  readonly #seen = new Map<string, Seen>();
  readonly #lives = new Map<string, Life>();
  /** Assertions that have failed inside the workers or the promises of the pool. */
  readonly #faults: unknown[] = [];

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
      case "forget":
        return this.#forget(`s${step.session}`);
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
    const { pool } = this.#it;
    const leaving = new AbortController();
    const requestId = `${this.#seen.size}`;
    const sessionId = `s${session}`;
    const life = this.#lives.get(sessionId) ?? newLife();
    this.#lives.set(sessionId, life);
    if (affinity !== "hint") {
      life.isStrict = true;
      if (life.home !== undefined && life.homes.length === 0) life.homes.push(life.home);
    }
    const seen: Seen = {
      life,
      affinity,
      rebind,
      serving: new Set(pool.serving.map(({ incarnation }) => incarnation)),
      mayStartAgain: rebind || this.#waitingOf(life).some((it) => it.mayStartAgain),
      homeBefore: life.home,
      hasBegun: false,
      homesWhenTaken: 0,
      call: undefined,
    };
    this.#seen.set(requestId, seen);
    try {
      const request = { sessionId, affinity, rebind, priority, requestId, signal: leaving.signal };
      const call = seen.call = this.#it.submit(tool, { ...request, timeoutMs: 3_600_000 });
      this.#leaving.push(leaving);
      call.outcome.catch((error) => this.#note(() => this.#checkRefusal(error, seen)));
    } catch (error) {
      this.#checkRefusal(error, seen);
    }
  }

  /** Forgets a session, unless a call waits that may yet move to its next life. */
  #forget(sessionId: string): void {
    const life = this.#lives.get(sessionId);
    if (life === undefined || this.#waitingOf(life).some(({ rebind }) => rebind)) return;
    this.#it.pool.sessions.forget(sessionId);
    this.#lives.delete(sessionId);
  }

  /** Returns the strict calls of a session that have not begun. */
  #waitingOf(life: Life): readonly Seen[] {
    return [...this.#seen.values()].filter((it) =>
      it.life === life && it.affinity !== "hint" && !it.hasBegun && it.call !== undefined &&
      it.call.state !== "settled"
    );
  }

  /** Asserts that a session that is refused has indeed lost its worker. */
  #checkRefusal(error: unknown, { life, rebind, hasBegun }: Seen): void {
    if (!(error instanceof SnakedenError) || error.code !== "session_worker_unavailable") return;
    assert.ok(!rebind, "a call that may rebind was refused");
    assert.ok(!hasBegun, "a call that has run was refused");
    const { incarnation } = error.details;
    assert.ok(!this.#serves(incarnation), "its worker is there");
    assert.ok(life.ranIn.has(String(incarnation)), "no call of the session ran in that worker");
    assert.equal(error.retryable, false);
  }

  #serves(incarnation: unknown): boolean {
    return this.#it.pool.serving.some((worker) => worker.incarnation === incarnation);
  }

  /** Notes what a worker does with a call. */
  onEvent(event: FakeWorkerEvent, id: string, worker: FakeWorker): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    if (event === "takes") seen.homesWhenTaken = seen.life.homes.length;
    else if (event === "starts") this.#note(() => this.#checkBegun(seen, worker));
    // Before its first strict call, a session is where a call that ran was answered last.
    else if (!seen.life.isStrict && seen.hasBegun && this.#serves(worker.incarnation)) {
      seen.life.home = worker;
    }
  }

  /** Asserts that a strict call runs in no other incarnation than its session is bound to. */
  #checkBegun(seen: Seen, worker: FakeWorker): void {
    const { life, affinity, serving, rebind, mayStartAgain, hasBegun, homesWhenTaken, homeBefore } =
      seen;
    const { home } = life;
    life.ranIn.add(worker.incarnation);
    seen.hasBegun = true;
    if (affinity === "hint") return;
    assert.ok(!hasBegun, "it ran twice");
    // A worker that leaves still runs what it was sent before the session has started again.
    if (life.homes.indexOf(worker) >= Math.max(0, homesWhenTaken - 1)) return;
    life.homes.push(worker);
    life.home = worker;
    if (home === undefined || home === worker) return;
    assert.ok(!this.#serves(home.incarnation), "its session has left a worker that serves");
    assert.ok(mayStartAgain, "a blank worker answers a session that has not started again");
    const knewOfLoss = homeBefore === home && !serving.has(home.incarnation);
    assert.ok(rebind || knewOfLoss, "a call for the old worker runs in the one that follows it");
  }

  #note(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#faults.push(error);
    }
  }

  /** Asserts the invariants, which hold after every step. */
  check(): void {
    if (this.#faults.length > 0) throw this.#faults[0];
    const { pool, calls } = this.#it;
    const queued = calls.filter((it) => it.state === "queued");
    assert.equal(pool.queued, queued.length);
    const idle = pool.serving.filter((it) => it.state === "ready" && !it.isSpent);
    assert.ok(
      idle.length === 0 || queued.every(({ isBound }) => isBound),
      "calls wait beside idle workers",
    );
    for (const { affinity, call, homeBefore, life: { home, homes } } of this.#seen.values()) {
      if (affinity === "hint" || call?.state !== "queued") continue;
      assert.notEqual(affinity, "strict_fail_fast", "it waits");
      // A call that was submitted for the worker before may wait for the end of that one.
      const isItsHome = home === homeBefore || homes.length === 1;
      const isIdle = isItsHome &&
        idle.some(({ incarnation }) => incarnation === home?.incarnation);
      assert.ok(!isIdle, "it waits while its worker is idle");
    }
    const { requests, completed, failed, cancelled, timedOut, crashed, refused } = pool.stats;
    const open = calls.filter((it) => it.state !== "settled").length;
    assert.equal(completed + failed + cancelled + timedOut + crashed + refused + open, requests);
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
        const onEvent: FakeWorkerOptions["onEvent"] = (...event) => run.onEvent(...event);
        await using it = await FakePool.start(
          { ...options, ...times },
          { ...worker, onEvent },
          { clock },
        );
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
