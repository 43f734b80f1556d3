import assert from "node:assert/strict";
import {
  addedToLog,
  EMPTY_LOG,
  type LogPart,
  type RunLines,
  type StoredLine,
} from "../../../../src/store/mod.ts";
import { WatchedSignal } from "../../../fixtures/fakes/watched_signal.ts";
import { nextTurn, until } from "../../../fixtures/until.ts";
import type { JobDriver } from "../conformance.ts";
import { COMPLETED, JobKit, LIMITS } from "../job_kit.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** Returns lines of a run, each with its text. */
function linesOf(first: number, texts: readonly string[], leftOut?: number): RunLines {
  const lines = texts.map((text): StoredLine => ({ at: 1, source: "stdout", text }));
  const body = ENCODER.encode(lines.map((it) => `${JSON.stringify(it)}\n`).join(""));
  return { first, lines: texts.length, body, ...(leftOut !== undefined && { leftOut }) };
}

function textsOf({ body }: Pick<LogPart, "body">): string[] {
  const lines = DECODER.decode(body).split("\n").slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as StoredLine).text);
}

/** The lines of a log as `run/number text`, and `reset`. */
async function logOf(kit: JobKit, id: string, after = 0, follow = false): Promise<string[]> {
  const found: string[] = [];
  const { signal } = new AbortController();
  for await (const item of kit.store.logs(id, after, { signal, follow })) {
    if (item.kind === "reset") {
      found.push("reset");
      continue;
    }
    const { part } = item;
    const texts = textsOf(part);
    assert.equal(texts.length, part.lines);
    found.push(...texts.map((text, i) => `${part.run}/${part.first + i} ${text}`));
  }
  return found;
}

/** Registers the cases of logs. */
export function testLogs(driver: JobDriver): void {
  testWriting(driver);
  testBounds(driver);
  testReading(driver);
}

function testWriting(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: lines of logs come in order, without a gap or a twin, under 8 writers`, async () => {
    await using kit = await JobKit.open(driver);
    const ids = Array.from({ length: 8 }, (_, i) => `job-of-writer-${i}`);
    for (const id of ids) await kit.submit({ id });
    const claims = await kit.take({ slots: 8 });
    const live = ids.map((id) => logOf(kit, id, 0, true));
    await Promise.all(claims.map(async ({ token, job }) => {
      for (let i = 0; i < 20; i++) {
        const logs = [
          linesOf(3 * i + 1, [`${job.id} a${i}`]),
          linesOf(3 * i + 2, [`b${i}`, `c${i}`]),
        ];
        await kit.store.extend([{ token, leaseMs: 1_000, logs }]);
      }
      await kit.store.finish([{ token, outcome: COMPLETED, logs: [linesOf(61, ["last"])] }]);
    }));
    for (const [i, id] of ids.entries()) {
      const expected = Array.from({ length: 20 }, (_, i) => [`${id} a${i}`, `b${i}`, `c${i}`])
        .flat();
      const lines = [...expected, "last"].map((text, i) => `1/${i + 1} ${text}`);
      assert.deepEqual(await live[i], lines);
      assert.deepEqual(await logOf(kit, id), lines);
    }
    await kit.reopen();
    assert.equal((await logOf(kit, "job-of-writer-3")).length, 61);
  });

  Deno.test(`${name}: lines that were written before are not written again`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    const first = linesOf(1, ["a", "b"]);
    await kit.store.extend([{ token, leaseMs: 1_000, logs: [first] }]);
    await kit.store.extend([{ token, leaseMs: 1_000, logs: [first, linesOf(3, ["c"])] }]);
    const end = { token, outcome: COMPLETED, logs: [linesOf(3, ["c"]), linesOf(4, ["d"])] };
    await kit.store.finish([end]);
    assert.equal((await kit.store.finish([end]))[0]?.answer, "done");
    assert.deepEqual(await logOf(kit, id), ["1/1 a", "1/2 b", "1/3 c", "1/4 d"]);
  });

  Deno.test(`${name}: a lost claim writes no line, and those of a retry follow`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const lost = await kit.one({ leaseMs: 1_000 });
    await kit.store.extend([{ token: lost.token, leaseMs: 1_000, logs: [linesOf(1, ["a"])] }]);
    kit.clock.advance(2_000);
    await kit.sweep();
    const { token } = await kit.one();
    const logs = [linesOf(2, ["late"])];
    assert.deepEqual(
      await kit.store.extend([
        { token: lost.token, leaseMs: 1_000, logs },
        { token, leaseMs: 1_000, logs: [linesOf(1, ["b"])] },
      ]),
      ["lost", "held"],
    );
    const [late, own] = await kit.store.finish([
      { token: lost.token, outcome: COMPLETED, logs },
      {
        token,
        outcome: { type: "failed", error: { code: "internal", message: "No" }, retryInMs: null },
        logs: [linesOf(2, ["c"])],
      },
    ]);
    assert.deepEqual([late?.answer, own?.answer], ["lost", "done"]);
    await kit.store.retry({ ids: [id] });
    await kit.store.finish([{
      token: (await kit.one()).token,
      outcome: { type: "returned", hasBegun: true },
      logs: [linesOf(1, ["d"])],
    }]);
    assert.deepEqual(await logOf(kit, id), ["1/1 a", "2/2 b", "2/3 c", "3/4 d"]);
  });

  Deno.test(`${name}: a log is removed with its job, and another job with the id has its own`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    await kit.submit({ id: "again", retention });
    const { token } = await kit.one();
    await kit.store.finish([{ token, outcome: COMPLETED, logs: [linesOf(1, ["a"])] }]);
    kit.clock.advance(10);
    await kit.sweep();
    assert.deepEqual(await logOf(kit, "again"), []);
    await kit.submit({ id: "again" });
    assert.deepEqual(await logOf(kit, "again"), []);
  });
}

function testBounds(driver: JobDriver): void {
  const { name } = driver;
  const lineBytes = linesOf(1, ["0000"]).body.byteLength;

  Deno.test(`${name}: a log keeps its first bytes, and one line says how many lines were left out`, async () => {
    const maxLogBytes = 10 * lineBytes + 5;
    await using kit = await JobKit.open(driver, { ...LIMITS, maxLogBytes });
    const { id } = await kit.submit();
    const { token } = await kit.one();
    const texts = Array.from({ length: 30 }, (_, i) => String(i).padStart(4, "0"));
    await kit.store.extend([{ token, leaseMs: 1_000, logs: [linesOf(1, texts.slice(0, 8))] }]);
    assert.equal((await logOf(kit, id)).length, 8);
    await kit.store.extend([{ token, leaseMs: 1_000, logs: [linesOf(9, texts.slice(8, 20), 7)] }]);
    const kept = texts.slice(0, 10).map((text, i) => `1/${i + 1} ${text}`);
    const notice = (leftOut: number, run = 1): string =>
      `${run}/11 ${leftOut} further lines were left out: the log of a job keeps ${maxLogBytes} ` +
      "bytes (jobs.maxLogBytes)";
    assert.deepEqual(await logOf(kit, id), [...kept, notice(17)]);
    await kit.fail({ token }, 0);
    const next = await kit.one();
    // Short enough for the bytes that are left, but behind a gap.
    await kit.store.finish([{
      token: next.token,
      outcome: COMPLETED,
      logs: [linesOf(1, [""], 2)],
    }]);
    assert.deepEqual(await logOf(kit, id), [...kept, notice(20, 2)]);
    assert.deepEqual(await logOf(kit, id, 10), [notice(20, 2)]);
    assert.deepEqual(await logOf(kit, id, 11), []);
  });

  Deno.test(`${name}: no log is kept where it may have 0 bytes`, async () => {
    await using kit = await JobKit.open(driver, { ...LIMITS, maxLogBytes: 0 });
    const { id } = await kit.submit();
    const { token } = await kit.one();
    await kit.store.finish([{ token, outcome: COMPLETED, logs: [linesOf(1, ["a"], 5)] }]);
    assert.deepEqual(await logOf(kit, id), []);
  });

  Deno.test(`${name}: a long log is read in parts, from any line`, async () => {
    await using kit = await JobKit.open(driver, { ...LIMITS, maxLogBytes: 100_000_000 });
    const { id } = await kit.submit();
    const { token } = await kit.one();
    for (let i = 0; i < 40; i++) {
      const texts = Array.from({ length: 1_000 }, (_, k) => String(1_000 * i + k).padEnd(40, "x"));
      await kit.store.extend([{ token, leaseMs: 1_000, logs: [linesOf(1_000 * i + 1, texts)] }]);
    }
    await kit.end({ token });
    const all = await logOf(kit, id);
    assert.equal(all.length, 40_000);
    for (const [i, it] of all.entries()) assert.ok(it.startsWith(`1/${i + 1} ${i}x`), it);
    for (const after of [1, 999, 1_000, 1_001, 39_998, 39_999, 40_000]) {
      assert.deepEqual(await logOf(kit, id, after), all.slice(after));
    }
  });
}

function testReading(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: a log goes on behind any line, and a position that it has not is told`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    for (let i = 0; i < 10; i++) {
      const logs = [linesOf(3 * i + 1, [`a${i}`, `b${i}`, `c${i}`])];
      await kit.store.extend([{ token, leaseMs: 1_000, logs }]);
    }
    const all = await logOf(kit, id);
    assert.equal(all.length, 30);
    for (let after = 0; after <= 30; after++) {
      assert.deepEqual(await logOf(kit, id, after), all.slice(after));
    }
    assert.deepEqual(await logOf(kit, id, 31), ["reset", ...all]);
    await kit.end({ token });
    assert.deepEqual(await logOf(kit, id, 31, true), ["reset", ...all]);
    assert.deepEqual(await logOf(kit, "none", 31, true), []);
  });

  Deno.test(`${name}: who follows a log waits for the end of the job; others take what is there`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    assert.deepEqual(await logOf(kit, id), []);
    const lines: string[] = [];
    let hasEnded = false;
    const { signal } = new AbortController();
    const following = (async () => {
      for await (const item of kit.store.logs(id, 0, { signal, follow: true })) {
        if (item.kind === "lines") lines.push(...textsOf(item.part));
      }
      hasEnded = true;
    })();
    for (let run = 1; run <= 3; run++) {
      const { token } = await kit.one();
      await kit.store.extend([{ token, leaseMs: 1_000, logs: [linesOf(1, [`run ${run}`])] }]);
      await until(() => lines.length === run, `line ${run}`);
      assert.equal(hasEnded, false);
      if (run < 3) await kit.fail({ token }, 0);
      else await kit.end({ token });
    }
    await following;
    assert.deepEqual(lines, ["run 1", "run 2", "run 3"]);
  });

  Deno.test(`${name}: who follows a log ends with the reason of its signal, and with the removal of the job`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    const { id } = await kit.submit({ retention });
    const reason = new Error("enough");
    const watched = new WatchedSignal();
    const read = async (signal: AbortSignal): Promise<void> => {
      for await (const _ of kit.store.logs(id, 0, { signal, follow: true }));
    };
    await assert.rejects(read(AbortSignal.abort(reason)), reason);
    const reading = read(watched.signal);
    reading.catch(() => {});
    await nextTurn();
    watched.abort(reason);
    await assert.rejects(reading, reason);
    assert.equal(watched.listeners, 0);
    const last = read(new AbortController().signal);
    await kit.store.cancel({ ids: [id] });
    kit.clock.advance(10);
    await kit.sweep();
    await last;
  });
}

Deno.test("addedToLog() returns the same end for lines that were written before", () => {
  const bounds = { run: 1, now: 1, maxBytes: 1_000 };
  const { end } = addedToLog(EMPTY_LOG, [linesOf(1, ["a"], 2)], bounds);
  assert.deepEqual(addedToLog(end, [linesOf(1, ["a"], 2)], bounds), { parts: [], end });
});
