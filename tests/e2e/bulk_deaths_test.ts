/** Tests of workers that die in a bulk call: no item runs twice, and none is lost. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { LimitExceededError, WorkerCrashedError } from "../../src/errors.ts";
import { Attempt, Call, OutcomeReader } from "../../src/pool/calls/mod.ts";
import { detailsOf, shown, startBulkHost } from "../fixtures/bulk_host.ts";
import { tempDir } from "../fixtures/host.ts";
import { liveObjects } from "../fixtures/live_objects.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const ITEMS = 400;

/** Returns the items that have begun, by the file in which each has noted itself. */
async function begun(path: string): Promise<number[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map(Number);
}

for (const carrier of ["socket", "grpc"] as const) {
  for (const how of ["die", "kill", "segfault"]) {
    Deno.test(`Calls.bulk() loses the item that ran and no other when its worker ends by ${how} (${carrier})`, async () => {
      await using it = await startBulkHost(carrier);
      await using dir = await tempDir();
      const path = `${dir.path}/begun`;
      const bad = [0, 1, Math.floor(Math.random() * ITEMS), 200, ITEMS - 1];
      const results: unknown[] = [];
      const fatal: number[] = [];
      // As a batch does it: what has not begun is sent again.
      for (let next = 0; next < ITEMS;) {
        const items = Array.from({ length: ITEMS - next }, (_, i) => {
          const item = next + i;
          return JSON.stringify({ item, path, how: bad.includes(item) ? how : "" });
        });
        const { outcomes, error } = await it.bulk("noted", items);
        results.push(...shown(outcomes));
        next += outcomes.length;
        if (error === undefined) break;
        assert(error instanceof WorkerCrashedError, String(error));
        const { item, outcomes: ended } = detailsOf(error);
        assert.equal(ended, outcomes.length);
        assert.equal(item, ended, "no outcome of an item before it is missing");
        fatal.push(next);
        results.push("died");
        next++;
      }
      const expected = [...new Set(bad)].sort((a, b) => a - b);
      assert.deepEqual(fatal, expected);
      assert.deepEqual(
        results,
        Array.from({ length: ITEMS }, (_, i) => expected.includes(i) ? "died" : i),
      );
      assert.deepEqual(await begun(path), Array.from({ length: ITEMS }, (_, i) => i));
    });
  }

  Deno.test(`Calls.bulk() knows what has ended when its worker is killed from outside (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    await using dir = await tempDir();
    const path = `${dir.path}/begun`;
    let next = 0;
    let deaths = 0;
    const results: unknown[] = [];
    let lost = 0;
    // Each worker is killed once it has run some items.
    let seenBytes = 0;
    let killed: number | undefined;
    const killer = setInterval(() => {
      const [worker] = it.host.workers.list();
      const bytes = existsSync(path) ? Deno.statSync(path).size : 0;
      if (worker?.state !== "busy" || worker.pid === killed || bytes === seenBytes) return;
      seenBytes = bytes;
      killed = worker.pid;
      if (killed !== undefined) signalPid(killed, "SIGKILL");
    }, 20);
    try {
      while (next < 60_000 && deaths < 4) {
        const items = Array.from(
          { length: 60_000 - next },
          (_, i) => JSON.stringify({ item: next + i, path }),
        );
        const { outcomes, error } = await it.bulk("noted", items);
        results.push(...shown(outcomes));
        next += outcomes.length;
        if (error === undefined) break;
        assert(error instanceof WorkerCrashedError, String(error));
        deaths++;
        const { item } = detailsOf(error);
        assert.equal(item ?? outcomes.length, outcomes.length);
        // It ran, and whether it has ended is unknown.
        results.push(next++);
        lost++;
      }
    } finally {
      clearInterval(killer);
    }
    assert(deaths > 0 && lost === deaths);
    assert.deepEqual(results, Array.from({ length: next }, (_, i) => i));
    const ran = await begun(path);
    assert.equal(new Set(ran).size, ran.length, "no item ran twice");
  });

  Deno.test(`Calls.bulk() loses no large result or buffer of an item before a death (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const sized = (bytes: number, how = ""): string => JSON.stringify({ bytes, how });
    const kinds = [10, 100_000, 131_000, 200_000, 3_000_000];
    for (const bytes of kinds) {
      for (const raw of [false, true]) {
        const tool = raw ? "bytes_of" : "text_of";
        const { outcomes, error } = await it.bulk(tool, [sized(bytes), sized(1), sized(0, "die")]);
        assert(error instanceof WorkerCrashedError, String(error));
        assert.deepEqual(
          shown(outcomes).map((it) => (it as string | Uint8Array).length),
          [bytes, 1],
        );
        assert.equal(detailsOf(error)["item"], 2);
      }
    }
  });
}

Deno.test("Calls.bulk() gives each item the limits of a call", async () => {
  await using it = await startBulkHost("socket", { limits: { cpuSeconds: 1 } });
  const spin = (seconds: number): string => JSON.stringify({ how: "spin", seconds });
  const within = await it.bulk("ends", Array.from({ length: 5 }, () => spin(0.7)));
  assert.equal(within.error, undefined);
  const { outcomes, error } = await it.bulk("ends", ["{}", spin(30), "{}"]);
  assert(error instanceof LimitExceededError, String(error));
  assert.equal(error.code, "cpu_limit_exceeded");
  assert.deepEqual([outcomes.length, detailsOf(error)["item"]], [1, 1]);
});

Deno.test("Calls.bulk() makes no arguments poison, and is not refused because of poison", async () => {
  await using it = await startBulkHost("socket", { poisonAfter: 1 });
  for (let i = 0; i < 3; i++) {
    const { error } = await it.bulk("ends", ['{"how":"die"}']);
    assert(error instanceof WorkerCrashedError, String(error));
  }
});

Deno.test("Calls.bulk() keeps nothing in memory when its worker has died or it was stopped", async () => {
  await using it = await startBulkHost("socket");
  const before = await liveObjects([Call, Attempt, OutcomeReader]);
  await it.bulk("ends", ["{}", '{"how":"die"}']);
  await it.bulk("ends", ["{}", '{"how":"sleep","seconds":60}'], {
    signal: AbortSignal.timeout(100),
  });
  await it.bulk("noop", ['{"i":1}']);
  await until(
    async () =>
      JSON.stringify(await liveObjects([Call, Attempt, OutcomeReader])) === JSON.stringify(before),
    "no call to be left",
    { timeoutMs: 10_000 },
  );
});
