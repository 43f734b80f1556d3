import assert from "node:assert/strict";
import type { JobEventOrReset } from "../../../../src/store/mod.ts";
import { nextTurn, until } from "../../../fixtures/until.ts";
import { WatchedSignal } from "../../../fixtures/fakes/watched_signal.ts";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, JobKit, LIMITS, START } from "../job_kit.ts";

/** Registers the cases 51 and 52. */
export function testEvents(driver: JobDriver): void {
  testReading(driver);
  testResuming(driver);
}

function testReading(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 51 events of a job come in order, without a gap or a twin, under 8 writers`, async () => {
    await using kit = await JobKit.open(driver, {
      maxChunks: 1_000,
      maxChunkBytes: 1_000_000,
      maxLogBytes: 1_000_000,
    });
    const ids = Array.from({ length: 8 }, (_, i) => `job-of-writer-${i}`);
    for (const id of ids) await kit.submit({ id });
    const claims = await kit.take({ slots: 8 });
    const live = ids.map((id) => kit.eventsOf(id));
    await Promise.all(claims.map(async ({ token }) => {
      for (let i = 0; i < 20; i++) {
        const chunks = [bytesOf(i, 2 * i), bytesOf(i, 2 * i + 1)];
        await kit.store.extend([{ token, leaseMs: 1_000, chunks }]);
      }
      await kit.store.finish([{
        token,
        outcome: { type: "completed", result: bytesOf(1) },
        chunks: [bytesOf(99)],
      }]);
    }));
    const bodies = Array.from({ length: 40 }, (_, i) => bytesOf(i >> 1, i));
    for (const [i, id] of ids.entries()) {
      const events = await live[i];
      assert.deepEqual(events, await kit.eventsOf(id));
      assertRising(events ?? []);
      const chunks = (events ?? []).filter((it) => it.kind === "chunk");
      assert.deepEqual(chunks.map(({ body }) => body), [...bodies, bytesOf(99)]);
      assert.deepEqual(new Set(chunks.map(({ run }) => run)), new Set([1]));
      const end = events?.at(-1);
      assert.ok(end?.kind === "end" && end.state === "completed" && end.at === START);
    }
  });

  Deno.test(`${name}: 51 a reader waits for further events until the end, also over several runs`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const seen: JobEventOrReset[] = [];
    let hasEnded = false;
    const { signal } = new AbortController();
    const reading = (async () => {
      for await (const event of kit.store.events(id, 0, { signal })) seen.push(event);
      hasEnded = true;
    })();
    for (let run = 1; run <= 3; run++) {
      const { token } = await kit.one();
      await kit.store.extend([{ token, leaseMs: 1_000, chunks: [bytesOf(run)] }]);
      await until(() => seen.length === run, `event ${run}`);
      assert.equal(hasEnded, false);
      if (run < 3) await kit.fail({ token }, 0);
      else await kit.end({ token });
    }
    await reading;
    assert.deepEqual(seen.map((it) => it.kind === "chunk" ? it.run : it.kind), [1, 2, 3, "end"]);
    assert.deepEqual(await kit.eventsOf("none"), []);
  });

  Deno.test(`${name}: 51 the events before a retry stay, and its own follow`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    for (let run = 1; run <= 2; run++) {
      const { token } = await kit.one();
      await kit.store.extend([{ token, leaseMs: 1_000, chunks: [bytesOf(run)] }]);
      await kit.end({ token });
      if (run === 1) await kit.store.retry({ ids: [id] });
    }
    const events = await kit.eventsOf(id);
    assert.deepEqual(events.map(({ kind }) => kind), ["chunk", "end", "chunk", "end"]);
    assertRising(events);
    assert.deepEqual(await kit.eventsOf(id, events[1]?.seq), events.slice(2));
  });

  Deno.test(`${name}: 51 a reader ends with the reason of its signal, and with the removal of the job`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    const { id } = await kit.submit({ retention });
    const reason = new Error("enough");
    const read = async (signal: AbortSignal): Promise<void> => {
      for await (const _ of kit.store.events(id, 0, { signal }));
    };
    await assert.rejects(read(AbortSignal.abort(reason)), reason);
    const watched = new WatchedSignal();
    const reading = read(watched.signal);
    reading.catch(() => {});
    await nextTurn();
    watched.abort(reason);
    await assert.rejects(reading, reason);
    assert.equal(watched.listeners, 0);
    await kit.store.cancel({ ids: [id] });
    const slow = kit.store.events(id, 0, { signal: new AbortController().signal });
    const iterator = slow[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.kind, "end");
    kit.clock.advance(10);
    await kit.sweep();
    assert.equal((await iterator.next()).done, true);
  });
}

function testResuming(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 52 a reader goes on behind any event`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    for (let i = 0; i < 30; i++) {
      await kit.store.extend([{ token, leaseMs: 1_000, chunks: [bytesOf(3, i)] }]);
    }
    await kit.end({ token });
    const all = await kit.eventsOf(id);
    assert.equal(all.length, 31);
    for (const [i, { seq }] of all.entries()) {
      assert.deepEqual(await kit.eventsOf(id, seq), all.slice(i + 1));
    }
    assert.deepEqual(await kit.eventsOf(id, 1_000_000), []);
    await kit.reopen();
    assert.deepEqual(await kit.eventsOf(id), all);
  });

  const bounds = [
    ["their number", { ...LIMITS, maxChunks: 10 }, 10],
    ["their bytes", { ...LIMITS, maxChunkBytes: 35 }, 7],
    ["nothing", { ...LIMITS, maxChunks: 0 }, 0],
  ] as const;
  for (const [bound, limits, kept] of bounds) {
    Deno.test(`${name}: 52 a reader is told that chunks are gone, where ${bound} is bounded`, async () => {
      await using kit = await JobKit.open(driver, limits);
      const { id } = await kit.submit();
      const { token } = await kit.one();
      for (let i = 0; i < 15; i++) {
        const chunks = [bytesOf(5, 2 * i), bytesOf(5, 2 * i + 1)];
        await kit.store.extend([{ token, leaseMs: 1_000, chunks }]);
      }
      await kit.end({ token });
      const [reset, ...events] = await kit.eventsOf(id);
      assert.ok(reset?.kind === "reset");
      assert.deepEqual(events.map((it) => it.kind === "chunk" ? it.body : it.kind), [
        ...Array.from({ length: kept }, (_, i) => bytesOf(5, 30 - kept + i)),
        "end",
      ]);
      assertRising([reset, ...events]);
      assert.deepEqual(await kit.eventsOf(id, reset.seq - 1), [reset, ...events]);
      assert.deepEqual(await kit.eventsOf(id, reset.seq), events);
    });
  }
}

function assertRising(events: readonly JobEventOrReset[]): void {
  for (const [i, { seq }] of events.entries()) assert.ok(seq > (events[i - 1]?.seq ?? 0));
}
