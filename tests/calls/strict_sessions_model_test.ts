/**
 * A model of strict sessions that are opened, expire, and outlive their host, over real sessions
 * and pools. The store fails and delays, callers leave, and workers die.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { Calls, StrictSessions } from "../../src/calls/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { DeadlineExceededError, SnakedenError } from "../../src/errors.ts";
import type { AffinityMode } from "../../src/pool/mod.ts";
import { Sessions } from "../../src/sessions/mod.ts";
import { memoryStore, type Store } from "../../src/store/mod.ts";
import { ToolRegistry } from "../../src/tools/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";
import type { FakeWorker } from "../fixtures/fakes/fake_worker.ts";
import { microtasks, nextTurn, until } from "../fixtures/until.ts";

/**
 * The store does as it should, fails, fails although it has done it, or waits for `release`: before
 * it does it, or before it answers.
 */
type StoreMode = "works" | "fails" | "fails late" | "waits" | "answers late";

/** An event in the life of a host. `which` selects one of the workers or calls that exist then. */
type Step =
  | {
    readonly do: "call";
    readonly session: number;
    readonly affinity: AffinityMode;
    readonly rebind: boolean;
    readonly tool: string;
    readonly timeoutMs: number;
  }
  | { readonly do: "open" | "delete"; readonly session: number }
  | { readonly do: "answer" | "leave" | "crash"; readonly which: number }
  | { readonly do: "store"; readonly read: StoreMode; readonly bind: StoreMode }
  | { readonly do: "time"; readonly ms: number }
  | { readonly do: "release" | "restart" | "turn" };

const session = fc.nat({ max: 1 });
const storeMode = fc.constantFrom<StoreMode>(
  "works",
  "works",
  "fails",
  "fails late",
  "waits",
  "answers late",
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      session,
      affinity: fc.constantFrom<AffinityMode>("hint", "strict_queue", "strict_queue"),
      rebind: fc.constantFrom(false, false, false, true),
      tool: fc.constantFrom("echo", "echo", "hold", "raise"),
      timeoutMs: fc.constantFrom(1, 3_600_000, 3_600_000, 3_600_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("open", "open", "open", "delete"), session }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("answer", "leave", "crash"), which: fc.nat() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("store" as const), read: storeMode, bind: storeMode }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("time" as const), ms: fc.nat({ max: 200 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("release", "restart", "turn") }) },
);

/** A session from its opening, or from its first call if it is not open, to its end. */
interface Life {
  /** Its life in the store, once it was open. */
  row: string | undefined;
  /** The worker in which its last strict call began, and the run of the host. */
  home: { readonly worker: FakeWorker; readonly run: Host } | undefined;
  /** True if the store must know of its worker: a strict call has begun that found it open. */
  isNoted: boolean;
}

/** A strict call. */
interface Seen {
  readonly id: string;
  readonly rebind: boolean;
  /** The life in the store that the session had when it was called. */
  readonly row: string | undefined;
  /** The life in which it was sent to the pool; undefined until then. */
  life?: Life;
  mayStartAgain?: boolean;
  isDone: boolean;
  hasBegun: boolean;
}

/** One run of the host. */
interface Host extends AsyncDisposable {
  readonly calls: Calls;
  readonly sessions: Sessions;
  readonly fake: FakePool;
}

class Run implements AsyncDisposable {
  readonly #clock = new FakeClock();
  readonly #memory = memoryStore({ now: () => this.#clock.now() });
  readonly #read = this.#memory.sessions.read.bind(this.#memory.sessions);
  readonly #store: Store;
  #modes: { readonly read: StoreMode; readonly bind: StoreMode } = { read: "works", bind: "works" };
  #held: PromiseWithResolvers<void>[] = [];
  #host: Host | undefined;
  #calls = 0;
  readonly #leaving: AbortController[] = [];
  readonly #seen = new Map<string, Seen>();
  readonly #lives = new Map<string, Life>();
  readonly #rows = new Map<string, string | undefined>();
  readonly #faults: unknown[] = [];

  constructor() {
    const { sessions } = this.#memory;
    const bind = sessions.bind.bind(sessions);
    sessions.read = (id) => this.#under("read", () => this.#read(id));
    sessions.bind = (id, pool) => this.#under("bind", () => bind(id, pool));
    this.#store = {
      ...this.#memory,
      report: () => Promise.resolve({ state: "open", setAside: [] }),
    };
  }

  /** Does what the store is asked for, in its mode. */
  async #under<T>(name: "read" | "bind", work: () => Promise<T>): Promise<T> {
    const mode = this.#modes[name];
    const failure = (): Error =>
      new SnakedenError("store_failed", `Cannot ${name}`, { retryable: true });
    if (mode === "fails") throw failure();
    if (mode === "waits") await this.#gate();
    const result = await work();
    if (mode === "answers late") await this.#gate();
    if (mode === "fails late") throw failure();
    return result;
  }

  async #gate(): Promise<void> {
    const gate = Promise.withResolvers<void>();
    this.#held.push(gate);
    await gate.promise;
  }

  /** Starts the host, on the store that is there. */
  async start(): Promise<void> {
    const stack = new AsyncDisposableStack();
    const fake = await FakePool.start(
      { name: "default", size: 2, pipelineBudgetMs: 0, poisonAfter: 1_000, affinityTtlMs: 60 },
      { onEvent: (event, id, worker) => event === "starts" && this.#began(id, worker, host) },
      { clock: this.#clock },
    );
    const fakes = stack.use(new FakePools([fake]));
    const later: { strict?: StrictSessions } = {};
    const sessions: Sessions = stack.use(
      new Sessions({
        store: this.#store,
        config: parseConfig({ sessions: { sweepMs: 300 } }).sessions,
        maxDepth: 8,
        clock: this.#clock,
        now: () => this.#clock.now(),
        onOpened: (id) => {
          const life = this.#lives.get(id);
          if (life?.row !== undefined) this.#lives.delete(id);
          later.strict?.opened(id);
        },
        onEnded: (ids) => {
          later.strict?.ended(ids);
          for (const id of ids) {
            this.#lives.delete(id);
            fake.pool.sessions.forget(id);
          }
        },
      }),
    );
    const strict = later.strict = new StrictSessions(sessions, fakes.byName);
    const limits = { maxDepth: 8, streamWindowBytes: 1_000 };
    const tools = new ToolRegistry(fakes.byName);
    const calls = new Calls({ limits, tools, policies: undefined, strict });
    const submit = fake.pool.submit.bind(fake.pool);
    fake.pool.submit = (request) => {
      this.#sent(request.requestId ?? "");
      return submit(request);
    };
    const host: Host = {
      calls,
      sessions,
      fake,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
    this.#host = host;
  }

  get #now(): Host {
    assert.ok(this.#host);
    return this.#host;
  }

  async take(step: Step): Promise<void> {
    const { sessions, fake: { launcher: { alive } } } = this.#now;
    switch (step.do) {
      case "call":
        return this.#call(step);
      case "open":
        return void sessions.open(`s${step.session}`, { ttlMs: 150 }).catch(expected);
      case "delete":
        return void sessions.delete(`s${step.session}`).catch(expected);
      case "answer": {
        const busy = alive.filter((worker) => worker.running);
        return busy[step.which % busy.length]?.answer();
      }
      case "leave":
        return this.#leaving[step.which % this.#leaving.length]?.abort(new Error("left"));
      case "crash":
        return alive[step.which % alive.length]?.exit({ signal: "SIGSEGV" });
      case "store":
        this.#modes = step;
        return;
      case "time":
        return this.#clock.advance(step.ms);
      case "release":
        return this.#release();
      case "restart":
        return await this.#restart();
      case "turn":
        return await nextTurn();
    }
  }

  #call({ session, affinity, rebind, tool, timeoutMs }: Step & { do: "call" }): void {
    const leaving = new AbortController();
    const id = `s${session}`;
    const requestId = `r${++this.#calls}`;
    const seen = { id, rebind, row: this.#rows.get(id), isDone: false, hasBegun: false };
    if (affinity !== "hint") this.#seen.set(requestId, seen);
    this.#leaving.push(leaving);
    const host = this.#now;
    const { signal } = leaving;
    const options = { sessionId: id, affinity, rebind, timeoutMs, requestId, signal };
    host.calls.call(tool, {}, options).then(
      () => seen.isDone = true,
      (error) => {
        seen.isDone = true;
        if (host === this.#host) this.#note(() => this.#checkRefusal(error, seen));
      },
    );
  }

  /** Notes that a call is sent to the pool: from then on it belongs to a life of its session. */
  #sent(requestId: string): void {
    const seen = this.#seen.get(requestId);
    if (seen === undefined) return;
    const { id, rebind } = seen;
    const life = this.#lives.get(id) ??
      { row: this.#rows.get(id), home: undefined, isNoted: false };
    this.#lives.set(id, life);
    const waiting = [...this.#seen.values()].filter((it) =>
      it.life === life && !it.isDone && !it.hasBegun
    );
    seen.mayStartAgain = rebind || waiting.some((it) => it.mayStartAgain === true);
    seen.life = life;
  }

  /** Asserts that a strict call runs in no other worker than its session is bound to. */
  #began(requestId: string, worker: FakeWorker, run: Host): void {
    const seen = this.#seen.get(requestId);
    if (seen?.life === undefined) return;
    const { life, row, mayStartAgain, hasBegun } = seen;
    const { home } = life;
    seen.hasBegun = true;
    life.home = { worker, run };
    if (row !== undefined && row === life.row) life.isNoted = true;
    this.#note(() => {
      assert.ok(!hasBegun, "it ran twice");
      if (home === undefined || home.worker === worker) return;
      assert.ok(!this.#serves(home.worker.incarnation), "its session has left its worker");
      assert.ok(mayStartAgain, "a blank worker answers a session that has not started again");
    });
  }

  #checkRefusal(error: unknown, { rebind, life, hasBegun }: Seen): void {
    if (error instanceof DeadlineExceededError || !(error instanceof SnakedenError)) return;
    if (error.code === "store_failed") assert.equal(life, undefined, "it was sent all the same");
    if (error.code !== "session_worker_unavailable") return;
    assert.ok(!rebind, "a call that may rebind was refused");
    assert.ok(!hasBegun, "a call that has run was refused");
    assert.ok(!this.#serves(error.details.incarnation), "its worker is there");
  }

  #serves(incarnation: unknown): boolean {
    return this.#now.fake.pool.serving.some((worker) => worker.incarnation === incarnation);
  }

  #note(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#faults.push(error);
    }
  }

  #release(): void {
    for (const gate of this.#held.splice(0)) gate.resolve();
  }

  /** Ends the host, and what it has not finished in the store, and starts it again. */
  async #restart(): Promise<void> {
    const old = this.#now;
    this.#host = undefined;
    const dead = new SnakedenError("store_failed", "The host is dead", { retryable: true });
    for (const gate of this.#held.splice(0)) gate.reject(dead);
    await old[Symbol.asyncDispose]();
    await microtasks();
    for (const [id, { row, isNoted }] of this.#lives) {
      if (!isNoted || row !== (await this.#read(id))?.life) this.#lives.delete(id);
    }
    this.#seen.clear();
    await this.start();
  }

  /** Follows what has happened, and asserts that nothing was wrong. */
  async check(): Promise<void> {
    for (const id of ["s0", "s1"]) {
      const row = (await this.#read(id))?.life;
      this.#rows.set(id, row);
      const life = this.#lives.get(id);
      if (life === undefined) continue;
      life.row ??= row;
      const { sessions } = this.#now.fake.pool;
      // The pool alone remembers the worker, and not for ever.
      const isForgotten = life.home !== undefined && sessions.workerOf(id) === undefined;
      if (!life.isNoted && isForgotten) this.#lives.delete(id);
      // A session that has expired has no worker, once nobody remembers it.
      if (row === undefined && sessions.standingOf(id) !== "stored" && life.row !== undefined) {
        this.#lives.delete(id);
      }
    }
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  /** Everything that was begun comes to its end. */
  async quiesce(): Promise<void> {
    this.#modes = { read: "works", bind: "works" };
    await until(async () => {
      this.#release();
      await microtasks();
      for (const worker of this.#now.fake.launcher.alive) if (worker.running) worker.answer();
      this.#clock.advance(10);
      await this.check();
      return [...this.#seen.values()].every(({ isDone }) => isDone) &&
        this.#now.fake.pool.queued === 0;
    }, "all calls have ended");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    await this.#host?.[Symbol.asyncDispose]();
    await this.#memory[Symbol.asyncDispose]();
  }
}

function expected(error: unknown): void {
  if (!(error instanceof SnakedenError)) throw error;
}

Deno.test("StrictSessions: no strict call is ever run by a blank worker, whatever happens to sessions, store and host", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50, size: "max" }), async (steps) => {
      await using run = new Run();
      await run.start();
      for (const each of steps) {
        await run.take(each);
        await microtasks();
        await run.check();
      }
      await run.quiesce();
    }),
    { numRuns: 100, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
});
