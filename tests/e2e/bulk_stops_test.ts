/** Tests of bulk calls, or items of them, that are stopped: by deadlines, callers and the host. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import type { CallWork } from "../../src/pool/mod.ts";
import { detailsOf, shown, startBulkHost } from "../fixtures/bulk_host.ts";
import { tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Calls.bulk() ends an item at its deadline, and no other (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const item = (how: string, seconds = 60): string => JSON.stringify({ how, seconds });
    const items = [item("sleep"), item("ok"), item("spin"), item("sleep", 0.15), item("sleep")];
    // Together they take longer than any may.
    const { outcomes, error } = await it.bulk("ends", [...items, item("end")], { timeoutMs: 300 });
    assert.equal(error, undefined);
    assert.deepEqual(shown(outcomes), [
      "deadline_exceeded",
      "ok",
      "deadline_exceeded",
      "sleep",
      "deadline_exceeded",
      "end",
    ]);
    const waits = await it.bulk("wait_async", ['{"seconds":60}', "{}", '{"seconds":60}'], {
      timeoutMs: 200,
    });
    assert.deepEqual(shown(waits.outcomes), ["deadline_exceeded", null, "deadline_exceeded"]);
    assert.equal(it.host.workers.list().length, 1);
  });

  Deno.test(`Calls.bulk() stops within an item and between items when its caller leaves (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    await using dir = await tempDir();
    const path = `${dir.path}/begun`;
    const pids = it.host.workers.list().map(({ pid }) => pid);
    await Deno.writeTextFile(path, "");
    const count = async (): Promise<number> =>
      (await Deno.readTextFile(path)).split("\n").length - 1;
    for (const how of ["", "sleep"]) {
      await Deno.writeTextFile(path, "");
      const leaving = new AbortController();
      let work: CallWork | undefined;
      const items = Array.from(
        { length: 200_000 },
        (_, item) => JSON.stringify({ item, path, how: item === 300 ? how : "", seconds: 60 }),
      );
      const ending = it.bulk("noted", items, { signal: leaving.signal }, {
        onSent: (sent) => work = sent,
      });
      await until(async () => await count() > 300, "some items have begun");
      leaving.abort(new SnakedenError("cancelled", "enough"));
      const { outcomes, error } = await ending;
      assert.equal((error as Error).message, "enough");
      await until(() => work?.isOver ?? false, "the work is over");
      const begun = await count();
      assert(begun < items.length);
      assert.deepEqual(shown(outcomes), Array.from({ length: outcomes.length }, (_, i) => i));
      if (how !== "") assert.deepEqual([outcomes.length, begun], [300, 301]);
      // The worker serves on.
      assert.deepEqual(shown((await it.bulk("noop", ['{"i":7}'])).outcomes), [7]);
    }
    assert.deepEqual(it.host.workers.list().map(({ pid }) => pid), pids);
  });

  Deno.test(`Calls.bulk() names an item that does not stop, and ends its worker (${carrier})`, async () => {
    await using it = await startBulkHost(carrier, { cancelGraceMs: 100 });
    const [before] = it.host.workers.list();
    for (const how of ["deaf", "holds"]) {
      const items = [..."abc"].map((it) => JSON.stringify({ how: it }));
      const stuck = JSON.stringify({ how, seconds: 5 });
      const { outcomes, error } = await it.bulk("ends", [...items, stuck, ...items], {
        timeoutMs: 200,
      });
      assert(error instanceof SnakedenError, String(error));
      assert.equal(error.code, "deadline_exceeded");
      assert.deepEqual(shown(outcomes), ["a", "b", "c"]);
      assert.deepEqual([detailsOf(error)["outcomes"], detailsOf(error)["item"]], [3, 3]);
      assert.deepEqual(shown((await it.bulk("noop", ['{"i":7}'])).outcomes), [7]);
    }
    assert.notEqual(it.host.workers.list()[0]?.pid, before?.pid);
  });

  Deno.test(`Calls.bulk() runs a tool beyond the time of one item (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const items = Array.from({ length: 12 }, () => '{"how":"sleep","seconds":0.1}');
    const { outcomes, error } = await it.bulk("ends", items, { timeoutMs: 400 });
    assert.equal(error, undefined);
    assert.equal(outcomes.length, 12);
  });
}

Deno.test("a bulk call that stalls fails with the item that showed nothing", async () => {
  await using it = await startBulkHost("socket");
  const { outcomes, error } = await it.bulk("ends", ["{}", '{"how":"sleep","seconds":60}'], {
    stallTimeoutMs: 200,
  });
  assert(error instanceof SnakedenError);
  assert.equal(error.code, "stalled");
  assert.deepEqual([outcomes.length, detailsOf(error)["item"]], [1, 1]);
});

Deno.test("a bulk call that was sent ahead is recalled, and runs elsewhere", async () => {
  await using it = await startBulkHost("socket", { size: 2 });
  // Teaches the pool that the tool is quick, so that calls are sent ahead.
  for (let i = 0; i < 50; i++) await it.bulk("ends", ["{}"]);
  let sent = 0;
  const busy = [0.4, 0.8].map((seconds) =>
    it.bulk("ends", [JSON.stringify({ how: "sleep", seconds })])
  );
  const { outcomes, error } = await it.bulk("ends", ['{"how":"quick"}'], {}, {
    onSent: () => sent++,
  });
  assert.equal(error, undefined);
  assert.deepEqual(shown(outcomes), ["quick"]);
  assert(sent >= 1);
  await Promise.all(busy);
});

Deno.test("a bulk call does not change what the pool expects of the calls of its tool", async () => {
  await using it = await startBulkHost("socket");
  const items = Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ i }));
  for (let i = 0; i < 10; i++) await it.bulk("noop", items);
  // Calls are still sent ahead: all of these are in the worker at once.
  const works: CallWork[] = [];
  const calls = Array.from(
    { length: 20 },
    (_, i) =>
      it.host.calls.work({ tool: "noop", args: { i }, options: {} }, {
        onSent: (work) => works.push(work),
        onProgress: () => {},
      }),
  );
  assert(works.length > 1, `sent ${works.length} of 20`);
  await Promise.all(calls);
});

Deno.test("the host stops while a bulk call runs", async () => {
  const it = await startBulkHost("socket", { drainMs: 100 });
  const ending = it.bulk("ends", ["{}", '{"how":"sleep","seconds":60}']);
  await until(() => it.host.workers.list()[0]?.state === "busy", "the call runs");
  await it[Symbol.asyncDispose]();
  const { error } = await ending;
  assert(error instanceof SnakedenError, String(error));
  assert.equal(error.code, "shutting_down");
});
