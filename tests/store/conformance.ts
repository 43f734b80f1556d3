/**
 * Tests of the contract in src/store/store.ts, which every driver must pass. A test file of a
 * driver, such as tests/kv/conformance_test.ts, passes {@link testStore} a way to open the driver.
 *
 * The tests beside an engine cover what only that engine has: its locks and files, a database that
 * is broken as a whole, and failures of the engine. A failure must be a `store_failed` error and
 * must not lose earlier writes.
 */
import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import { ProcessRegistry } from "../../src/host/mod.ts";
import { type ProcessKey, type ProcessRow, type Store } from "../../src/store/mod.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { nextTurn } from "../fixtures/until.ts";
import { writeKilledSession } from "./session_samples.ts";
import { activeOf, newRunId, rowOf, sequencesOf } from "./samples.ts";

/**
 * A driver under test. With a durable one, a store finds the records of an earlier store in the
 * same place.
 */
export type StoreDriver =
  | { readonly name: string; readonly durable: false; place(): Promise<StorePlace> }
  | DurableDriver;

/** A driver whose records outlive the host. */
export interface DurableDriver {
  readonly name: string;
  readonly durable: true;
  /** Creates an empty place for one test, which disposes it. */
  place(): Promise<DurablePlace>;
}

/** A place, which successive hosts share: a data directory, or a database. */
export interface StorePlace extends AsyncDisposable {
  /**
   * Opens the store of this place for a run, in one try, with `now` as its clock if given. The test
   * closes it.
   */
  open(runId: string, options?: { readonly now?: () => number }): Promise<Store>;
}

/** A place whose records outlive the host. */
export interface DurablePlace extends StorePlace {
  /** Makes the row of a worker unreadable. No store is open meanwhile. */
  damageRow(key: ProcessKey): Promise<void>;
  /**
   * Opens the store of this place for a run in another process, runs {@link writeBeforeKill} there,
   * and then kills that process with SIGKILL. Resolves when the store can know that the run is
   * over; with leases, that takes one lease.
   */
  killHost(runId: string): Promise<void>;
}

/** The writes of a host that is killed right after them. */
export async function writeBeforeKill(store: Store, runId: string): Promise<void> {
  await Promise.all([
    store.processes.record(rowOf(runId, "killed-1.x")),
    writeKilledSession(store.sessions),
  ]);
}

/** Registers the tests of a driver. */
export function testStore(driver: StoreDriver): void {
  testRows(driver);
  testRegistry(driver);
  testLife(driver);
  if (driver.durable) {
    testLaterRuns(driver);
    testDamage(driver);
  }
}

function testRows({ name, durable, place }: StoreDriver): void {
  Deno.test(`${name}: record() and forget() take effect in the order of the calls, even if nobody waits`, async () => {
    await using at = await place();
    const runId = newRunId();
    const expected: ProcessRow[] = [];
    {
      await using store = await at.open(runId);
      const work: Promise<void>[] = [];
      const sequences = sequencesOf(["reserve", "activate", "forget"] as const, 4);
      for (let step = 0; step < 4; step++) {
        for (const [i, sequence] of sequences.entries()) {
          const row = rowOf(runId, `w-${i}.x`);
          if (sequence[step] === "reserve") work.push(store.processes.record(row));
          if (sequence[step] === "activate") work.push(store.processes.record(activeOf(row)));
          if (sequence[step] === "forget") work.push(store.processes.forget([row]));
        }
      }
      await Promise.all(work);
      for (const [i, sequence] of sequences.entries()) {
        const row = rowOf(runId, `w-${i}.x`);
        if (sequence.at(-1) === "reserve") expected.push(row);
        if (sequence.at(-1) === "activate") expected.push(activeOf(row));
      }
    }
    assert.deepEqual(await deadAt(at), durable ? sorted(expected) : []);
  });

  Deno.test(`${name}: forget() accepts any number of rows, even missing ones, and spares rows that are recorded after it`, async () => {
    await using at = await place();
    const runId = newRunId();
    const rows = Array.from({ length: 1_300 }, (_, i) => rowOf(runId, `w-${i}.${"x".repeat(36)}`));
    const last = activeOf(rowOf(runId, `w-1299.${"x".repeat(36)}`));
    {
      await using store = await at.open(runId);
      await store.processes.forget([]);
      await store.processes.forget(rows.slice(0, 3));
      await Promise.all(rows.map((row) => store.processes.record(row)));
      await Promise.all([store.processes.forget(rows), store.processes.record(last)]);
    }
    assert.deepEqual(await deadAt(at), durable ? [last] : []);
  });

  Deno.test(`${name}: no host sees a row of a live run as dead`, async () => {
    await using at = await place();
    const runId = newRunId();
    await using first = await at.open(runId);
    await first.processes.record(rowOf(runId, "w-1.x"));
    try {
      await using second = await at.open(newRunId());
      assert.deepEqual(second.deadProcesses, []);
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      assert.deepEqual([error.code, error.retryable], ["startup_failed", true]);
    }
    assert.deepEqual(first.deadProcesses, []);
  });
}

/** ProcessRegistry is the only user of process rows. */
function testRegistry({ name, durable, place }: StoreDriver): void {
  Deno.test(`${name}: ProcessRegistry may reserve, activate and release in any order`, async () => {
    await using at = await place();
    const runId = newRunId();
    const sequences = sequencesOf(["reserve", "activate", "release"] as const, 4);
    const expected = sequences.flatMap((sequence, i): Partial<ProcessRow>[] => {
      const incarnation = `w-${i}.x`;
      let row: Partial<ProcessRow> | undefined;
      for (const step of sequence) {
        if (step === "reserve") row = { incarnation, state: "reserved" };
        else if (step === "release") row = undefined;
        else if (row !== undefined) {
          const pid = i + 1;
          row = { incarnation, state: "active", pid, group: pid, startTime: `boot/${pid}` };
        }
      }
      return row === undefined ? [] : [row];
    });
    {
      await using store = await at.open(runId);
      const { processes } = store;
      const startTimeOf = (pid: number): Promise<string> => Promise.resolve(`boot/${pid}`);
      await using registry = new ProcessRegistry({ runId, processes, startTimeOf });
      for (let step = 0; step < 4; step++) {
        for (const [i, sequence] of sequences.entries()) {
          const incarnation = `w-${i}.x`;
          if (sequence[step] === "reserve") void registry.reserve({ workerId: "w", incarnation });
          if (sequence[step] === "activate") registry.activate(incarnation, i + 1);
          if (sequence[step] === "release") registry.release(incarnation);
        }
      }
      await registry[Symbol.asyncDispose]();
      assert.deepEqual(sorted(registry.list()).map(essence), sorted(expected));
    }
    assert.deepEqual((await deadAt(at)).map(essence), durable ? sorted(expected) : []);
  });
}

function testLife({ name, durable, place }: StoreDriver): void {
  Deno.test(`${name}: report() of a new place has only the state of the store`, async () => {
    await using at = await place();
    await using store = await at.open(newRunId());
    const state = durable ? "open" : "in memory";
    assert.deepEqual(await store.report(), { state, setAside: [] });
    assert.deepEqual(store.deadProcesses, []);
  });

  Deno.test(`${name}: disposing waits for all accepted work, and makes it durable`, async () => {
    await using at = await place();
    const runId = newRunId();
    const store = await at.open(runId);
    const row = rowOf(runId, "w-1.x");
    const work = Promise.allSettled([
      store.processes.record(rowOf(runId, "w-2.x")),
      store.processes.forget([rowOf(runId, "w-2.x")]),
      store.processes.record(row),
      store.report(),
    ]);
    await store[Symbol.asyncDispose]();
    const late = nextTurn().then(() => "not settled" as const);
    assert.notEqual(await Promise.race([work, late]), "not settled");
    await late;
    for (const it of await work) assert.equal(it.status, "fulfilled", inspect(it));
    if (!durable) return;
    await using next = await at.open(newRunId());
    assert.deepEqual(next.deadProcesses, [row]);
  });

  Deno.test(`${name}: disposing refuses new work from the moment of the call`, async () => {
    await using at = await place();
    const runId = newRunId();
    const store = await at.open(runId);
    const refuses = async (): Promise<void> => {
      const work: Promise<unknown>[] = [
        store.processes.record(rowOf(runId, "w-1.x")),
        store.processes.forget([rowOf(runId, "w-1.x")]),
        store.report(),
      ];
      await Promise.all(work.map((it) =>
        assert.rejects(it, {
          name: "SnakedenError",
          code: "shutting_down",
          message: /^Cannot .*: the store is closed$/,
        })
      ));
    };
    const closing = store[Symbol.asyncDispose]();
    await Promise.all([refuses(), closing]);
    await refuses();
    assert.deepEqual(store.deadProcesses, []);
  });

  Deno.test(`${name}: disposing again, even during the first disposal, resolves when the place is free`, async () => {
    await using at = await place();
    const runId = newRunId();
    const store = await at.open(runId);
    for (let i = 0; i < 100; i++) void store.processes.record(rowOf(runId, `w-${i}.x`));
    void store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    for (let round = 0; round < 5; round++) {
      const next = await at.open(newRunId());
      await next[Symbol.asyncDispose]();
      await next[Symbol.asyncDispose]();
    }
  });
}

function testLaterRuns({ name, place }: DurableDriver): void {
  Deno.test(`${name}: a later host sees rows as they were written, until they are removed`, async () => {
    await using at = await place();
    const [runId, otherRunId] = [newRunId(), newRunId()];
    const incarnation = "é🐍".repeat(85);
    const rows = [
      rowOf(runId, "w-1.x"),
      activeOf({ ...rowOf(runId, incarnation), workerId: incarnation }),
    ];
    const other = { ...activeOf(rowOf(otherRunId, "w-1.x")), startTime: "boot/1" };
    {
      await using store = await at.open(runId);
      for (const row of rows) await store.processes.record(row);
    }
    {
      await using store = await at.open(otherRunId);
      await store.processes.record(other);
      assert.deepEqual(sorted(store.deadProcesses), sorted(rows));
    }
    {
      await using store = await at.open(newRunId());
      assert.deepEqual(sorted(store.deadProcesses), sorted([...rows, other]));
      await store.processes.forget(store.deadProcesses.filter((it) => it.runId === runId));
    }
    assert.deepEqual(await deadAt(at), [other]);
  });

  Deno.test(`${name}: a resolved write survives a kill of the host right after it`, async () => {
    await using at = await place();
    const runId = newRunId();
    await at.killHost(runId);
    await using store = await at.open(newRunId());
    assert.deepEqual(store.deadProcesses, [rowOf(runId, "killed-1.x")]);
  });
}

function testDamage({ name, place }: DurableDriver): void {
  Deno.test(`${name}: an unreadable row is set aside and reported, and affects no other`, async () => {
    await using at = await place();
    const runId = newRunId();
    const rows = [1, 2, 3].map((i) => rowOf(runId, `w-${i}.x`));
    {
      await using store = await at.open(runId);
      for (const row of rows) await store.processes.record(row);
    }
    await at.damageRow({ runId, incarnation: "w-2.x" });
    await using log = new LogSink();
    for (let round = 0; round < 2; round++) {
      await using store = await at.open(newRunId());
      assert.deepEqual(sorted(store.deadProcesses), [rows[0], rows[2]]);
      await assertSetAside(store, [["process", runId, "w-2.x"]]);
      await store.processes.forget([{ runId, incarnation: "w-2.x" }]);
    }
    assert.match(await log.text(), /ERROR store +set aside /);
  });
}

async function deadAt(at: StorePlace): Promise<ProcessRow[]> {
  await using store = await at.open(newRunId());
  return sorted(store.deadProcesses);
}

async function assertSetAside(store: Store, keys: readonly (readonly string[])[]): Promise<void> {
  const { setAside } = await store.report();
  assert.deepEqual(setAside.map(({ key }) => key), keys);
  for (const { id, reason, at, bytes } of setAside) {
    assert.ok(id !== "" && reason !== "" && bytes >= 0, inspect({ id, reason, bytes }));
    assert.ok(Number.isFinite(Date.parse(at)), at);
  }
}

/** Returns a row without the fields that differ from one run of the test to the next. */
function essence(row: ProcessRow): Partial<ProcessRow> {
  const { runId: _, workerId: _w, reservedAt: _r, hostPid: _h, ...rest } = row;
  return rest;
}

function sorted<T extends Partial<ProcessKey>>(rows: readonly T[]): T[] {
  const nameOf = ({ runId = "", incarnation = "" }: T): string => `${incarnation} ${runId}`;
  return rows.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
}

function inspect(value: unknown): string {
  return Deno.inspect(value);
}
