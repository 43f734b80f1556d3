import assert from "node:assert/strict";
import { StartTimes } from "../../src/process/start_times.ts";

Deno.test("StartTimes.of() shares one read among requests that arrive during another", async () => {
  const asked: number[][] = [];
  const times = new StartTimes({
    all: () => assert.fail("not asked for"),
    startTimes: async (pids) => {
      asked.push([...pids]);
      await Promise.resolve();
      return new Map(pids.filter((pid) => pid !== 3).map((pid) => [pid, `boot/${pid}`]));
    },
  });
  const answers = await Promise.all([1, 2, 3, 2].map((pid) => times.of(pid)));
  assert.deepEqual(answers, ["boot/1", "boot/2", undefined, "boot/2"]);
  assert.deepEqual(asked, [[1], [2, 3]]);
  assert.equal(await times.of(4), "boot/4");
});

Deno.test("StartTimes.of() returns undefined if the table cannot be read", async () => {
  const times = new StartTimes({
    all: () => assert.fail("not asked for"),
    startTimes: () => Promise.reject(new Error("no such program")),
  });
  assert.equal(await times.of(1), undefined);
});
