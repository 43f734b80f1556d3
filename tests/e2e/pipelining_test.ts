/**
 * Tests the promise of docs/adr/0005-calls-are-sent-ahead.md with real workers: the end of a worker
 * fails one call at most, and every call is answered once and runs once. All workers append to one
 * file what has run.
 */
import assert from "node:assert/strict";
import {
  type PoolInfo,
  type Snakeden,
  type SnakedenOptions,
  WorkerCrashedError,
  type WorkerInfo,
} from "../../mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

type PoolOptions = Partial<NonNullable<SnakedenOptions["pools"]>[number]>;
/** A function that returns a number in [0, 1). */
type Random = () => number;

const CALLERS = 64;
/**
 * The longest duration of a call. Half of the calls take no time: so workers are hit during a call,
 * and between two.
 */
const MAX_SECONDS = 0.0005;
/** A deadline so long that a lost call is seen as lost, not as late. */
const TIMEOUT_MS = 3_600_000;
/** Ways in which the tool ends its process, and what the host sees. */
const DEATHS = [
  ["segfault", { exitCode: null, signal: "SIGSEGV" }],
  ["kill", { exitCode: null, signal: "SIGKILL" }],
  ["exit", { exitCode: 3, signal: null }],
] as const;
type Death = typeof DEATHS[number][0];

/** Returns a random function for a seed: mulberry32, by Tommy Ettinger. */
function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Registers a test that makes random choices. SNAKEDEN_TEST_SEED repeats them, though not the
 * timing of workers.
 */
function testWithSeed(name: string, body: (random: Random) => Promise<void>): void {
  Deno.test(name, async () => {
    const seed = Number(Deno.env.get("SNAKEDEN_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
    try {
      await body(randomFrom(seed));
    } catch (cause) {
      throw new Error(`Failed with SNAKEDEN_TEST_SEED=${seed}`, { cause });
    }
  });
}

/** Starts a host whose pool serves the ledger, and returns the file of what has run. */
async function startLedger(
  pool: PoolOptions,
): Promise<AsyncDisposable & { readonly den: Snakeden; readonly runs: () => Promise<number[]> }> {
  await using resources = new AsyncDisposableStack();
  const path = `${resources.use(await tempDir()).path}/ledger`;
  const env = { LEDGER_PATH: path };
  const options = { adapter: "ledger:Ledger", env, timeoutMs: TIMEOUT_MS, ...pool };
  const den = resources.use(await startDen(options));
  const kept = resources.move();
  return {
    den,
    runs: async () => (await Deno.readTextFile(path)).trimEnd().split(/ *\n/).map(Number),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Callers that make one call after another, each call with a key of its own. */
class Load implements Disposable {
  answered = 0;
  readonly fulfilled = new Set<number>();
  readonly crashed = new Map<number, WorkerCrashedError>();
  /** The keys of the calls that end their worker, and how. */
  readonly deadly = new Map<number, Death>();
  /** Outcomes that must not happen: another answer, another error. */
  readonly strange: unknown[] = [];
  readonly #den: Snakeden;
  readonly #random: Random;
  readonly #open = new Set<number>();
  readonly #deaths: Death[] = [];
  readonly #callers: readonly Promise<void>[];
  #lastKey = 0;
  #stopping = false;
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(den: Snakeden, random: Random) {
    this.#den = den;
    this.#random = random;
    this.#callers = Array.from({ length: CALLERS }, () => this.#call());
  }

  /**
   * Resolves in the turn of the event loop that reads the `count`-th answer from now on. The time
   * limit is that of until().
   */
  async moreAnswers(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#awaited = { count: this.answered + count, resolve };
    const tooLate = (): void => reject(new Error(`No more answers to: ${[...this.#open]}`));
    const timer = setTimeout(tooLate, 20_000);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
    assert.deepEqual(this.strange, []);
  }

  /** Makes the next call end its worker. */
  sendDeath(death: Death): void {
    this.#deaths.push(death);
  }

  /** Makes no more calls, and waits for the open ones. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await until(() => this.#open.size === 0, "every call to be answered").catch((error) => {
      throw new Error(`Never answered: ${[...this.#open]}`, { cause: error });
    });
    await Promise.all(this.#callers);
  }

  [Symbol.dispose](): void {
    this.#stopping = true;
  }

  async #call(): Promise<void> {
    while (!this.#stopping && this.strange.length === 0) {
      const key = ++this.#lastKey;
      const seconds = Math.max(0, this.#random() * 2 - 1) * MAX_SECONDS;
      const death = this.#deaths.shift();
      if (death !== undefined) this.deadly.set(key, death);
      this.#open.add(key);
      try {
        const answer = await this.#den.execute("record", {
          key,
          seconds,
          death: death ?? "",
        });
        if (answer === key) this.fulfilled.add(key);
        else this.strange.push({ key, answer });
      } catch (error) {
        if (error instanceof WorkerCrashedError) this.crashed.set(key, error);
        else this.strange.push({ key, error });
      }
      this.#open.delete(key);
      this.answered++;
      this.#look();
    }
  }

  #look(): void {
    if (this.#awaited === undefined) return;
    if (this.answered < this.#awaited.count && this.strange.length === 0) return;
    this.#awaited.resolve();
    this.#awaited = undefined;
  }
}

/** Returns the number of calls that workers have received and not answered. */
function inFlight(den: Snakeden): number {
  const { queued, stats } = poolOf(den);
  const { requests, completed, failed, cancelled, timedOut, crashed, refused } = stats;
  return requests - completed - failed - cancelled - timedOut - crashed - refused - queued;
}

function poolOf(den: Snakeden): PoolInfo {
  const [pool] = den.pools.list();
  assert.ok(pool);
  return pool;
}

/** Returns the workers that serve, without killed ones that the host has not missed yet. */
function serving(den: Snakeden, killed: ReadonlySet<string>): WorkerInfo[] {
  return den.workers.list().filter(({ state, incarnation }) =>
    (state === "ready" || state === "busy") && !killed.has(incarnation)
  );
}

/** Keeps this thread busy, so that workers run on by themselves. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/**
 * Checks all calls: each was answered, ran once if it was fulfilled, and at most once if its worker
 * died.
 */
async function settleAccounts(den: Snakeden, load: Load, runs: readonly number[]): Promise<void> {
  const { fulfilled, crashed } = load;
  const ran = new Set<number>();
  const twice = runs.filter((key) => ran.size === ran.add(key).size);
  const unknown = [...ran].filter((key) => !fulfilled.has(key) && !crashed.has(key));
  const missing = [...fulfilled].filter((key) => !ran.has(key));
  assert.deepEqual({ strange: load.strange, twice, unknown, missing }, {
    strange: [],
    twice: [],
    unknown: [],
    missing: [],
  });
  const { stats, queued } = poolOf(den);
  assert.deepEqual(
    [stats.requests, stats.completed, stats.crashed, queued],
    [fulfilled.size + crashed.size, fulfilled.size, crashed.size, 0],
  );
  await until(() => {
    const workers = den.workers.list();
    return workers.length === poolOf(den).size && workers.every(({ state }) => state === "ready");
  }, "a pool that is whole");
  const pids = den.workers.list().map(({ pid }) => pid);
  assert.deepEqual(workersOf({ runId: den.runId }).sort(), pids.sort());
}

interface KillRun {
  readonly kills: number;
  readonly pool: PoolOptions;
  /** True if calls are sent ahead. */
  readonly ahead: boolean;
}

async function killUnderLoad(random: Random, { kills, pool, ahead }: KillRun): Promise<void> {
  await using ledger = await startLedger(pool);
  const { den } = ledger;
  using load = new Load(den, random);
  const killed = new Set<string>();
  let most = 0;
  while (killed.size < kills) {
    const workers = await until(() => {
      const them = serving(den, killed);
      return them.length >= 2 && them;
    }, "two workers that serve");
    await load.moreAnswers(1 + Math.floor(random() * 3 * CALLERS));
    most = Math.max(most, inFlight(den));
    // During a call, between two, or while answers wait for the host.
    spin(random() / 4);
    const victim = workers[Math.floor(random() * workers.length)];
    assert.ok(victim?.pid);
    killed.add(victim.incarnation);
    signalPid(victim.pid, "SIGKILL");
  }
  await load.finish();
  await settleAccounts(den, load, await ledger.runs());
  const culprits = [...load.crashed.values()].map(({ exit, details }) => {
    assert.equal(exit.signal, "SIGKILL");
    return String(details["incarnation"]);
  });
  assert.equal(new Set(culprits).size, culprits.length, "a worker took two calls along");
  assert.deepEqual(culprits.filter((it) => !killed.has(it)), []);
  assert.equal(poolOf(den).stats.restarts, kills);
  // Otherwise the test has shown nothing.
  const { size } = poolOf(den);
  assert.ok(ahead ? most > size : most <= size, `${most} calls in flight in ${size} workers`);
}

testWithSeed(
  "Snakeden.execute() loses no call and runs none twice while 200 workers are killed, and each fails one call at most",
  (random) => killUnderLoad(random, { kills: 200, pool: { size: 6 }, ahead: true }),
);

testWithSeed(
  "Snakeden.execute() sends one call at a time over gRPC, and a killed worker fails no other",
  (random) =>
    killUnderLoad(random, { kills: 10, pool: { size: 4, carrier: "grpc" }, ahead: false }),
);

testWithSeed(
  "Snakeden.execute() sends nothing ahead with a pipelineBudgetMs of 0, and a killed worker fails one call at most",
  (random) =>
    killUnderLoad(random, { kills: 10, pool: { size: 4, pipelineBudgetMs: 0 }, ahead: false }),
);

testWithSeed(
  "Snakeden.execute() fails exactly the calls that end their own worker",
  async (random) => {
    await using ledger = await startLedger({ size: 4 });
    const { den } = ledger;
    using load = new Load(den, random);
    for (let sent = 0; sent < 30; sent++) {
      await load.moreAnswers(1 + Math.floor(random() * 3 * CALLERS));
      const [death] = DEATHS[Math.floor(random() * DEATHS.length)] ?? DEATHS[0];
      load.sendDeath(death);
    }
    await until(() => load.crashed.size >= 30, "30 deaths");
    await load.finish();
    const runs = await ledger.runs();
    await settleAccounts(den, load, runs);
    assert.deepEqual([...load.crashed.keys()].sort(), [...load.deadly.keys()].sort());
    const ran = new Set(runs);
    const expected = new Map<string, unknown>(DEATHS);
    for (const [key, { exit: { exitCode, signal } }] of load.crashed) {
      assert.ok(ran.has(key));
      assert.deepEqual({ exitCode, signal }, expected.get(load.deadly.get(key) ?? ""));
    }
    assert.equal(poolOf(den).stats.restarts, 30);
  },
);

testWithSeed("Snakeden.workers.stop() fails no call of a pool under load", async (random) => {
  await using ledger = await startLedger({ size: 4 });
  const { den } = ledger;
  using load = new Load(den, random);
  const before = den.workers.list();
  for (const { id } of before) {
    await load.moreAnswers(10 * CALLERS);
    await den.workers.stop(id);
  }
  await until(() => {
    const after = serving(den, new Set(before.map(({ incarnation }) => incarnation)));
    return after.length === before.length;
  }, "others in their places");
  await load.moreAnswers(CALLERS);
  await load.finish();
  await settleAccounts(den, load, await ledger.runs());
  const { crashed, restarts } = poolOf(den).stats;
  assert.deepEqual({ crashed, restarts }, { crashed: 0, restarts: before.length });
});

/** Positions in the batch: the first call, and one among others that were sent ahead. */
for (const position of [0, 21]) {
  Deno.test(`Snakeden.execute() answers 63 of 64 calls while the one at ${position} runs on`, async () => {
    await using ledger = await startLedger({ size: 2 });
    const { den } = ledger;
    const leaving = new AbortController();
    const { signal } = leaving;
    let lastKey = 0;
    const record = (seconds: number): Promise<number> => {
      const timeoutMs = seconds > 0 ? TIMEOUT_MS : 20_000;
      return den.execute("record", { key: ++lastKey, seconds }, { signal, timeoutMs });
    };
    // Waits until the calls of the tool are sent ahead.
    await until(async () => {
      const batch = Array.from({ length: 64 }, () => record(0));
      const { queued } = poolOf(den);
      await Promise.all(batch);
      return queued < 32;
    }, "a batch that is sent ahead");
    const batch = Array.from({ length: 64 }, (_, at) => record(at === position ? 600 : 0));
    assert.ok(poolOf(den).queued < 62, "nothing was sent ahead");
    const [long] = batch.splice(position, 1);
    assert.ok(long);
    let hasEnded = false;
    const end = long.then(() => "fulfilled", String).finally(() => hasEnded = true);
    assert.equal((await Promise.all(batch)).length, 63);
    assert.equal(hasEnded, false);
    const states = den.workers.list().map(({ state }) => state);
    assert.deepEqual(states.sort(), ["busy", "ready"]);
    leaving.abort(new Error("enough"));
    assert.equal(await end, "Error: enough");
    await until(
      () => den.workers.list().every(({ state }) => state === "ready"),
      "two ready workers",
    );
    assert.deepEqual(
      (await ledger.runs()).sort((a, b) => a - b),
      Array.from({ length: lastKey }, (_, i) => i + 1),
    );
    const { cancelled, restarts } = poolOf(den).stats;
    assert.deepEqual({ cancelled, restarts }, { cancelled: 1, restarts: 0 });
  });
}
