import assert from "node:assert/strict";
import { JobIds } from "../../../src/jobs/submission/job_ids.ts";

Deno.test("JobIds.next() returns ids that sort by their order, also within a millisecond", () => {
  const ids = new JobIds();
  const made = Array.from({ length: 10_000 }, (_, i) => ids.next(1_000 + Math.floor(i / 100)));
  assert.deepEqual([...made].sort(), made);
  assert.equal(new Set(made).size, made.length);
  for (const id of made) assert.match(id, /^[0-9a-hjkmnp-tv-z]{26}$/);
});

Deno.test("JobIds.next() goes on rising when the clock is set back", () => {
  const ids = new JobIds();
  const [first, second, third] = [ids.next(5_000), ids.next(1_000), ids.next(6_000)];
  assert.ok(first < second && second < third);
});

Deno.test("JobIds.next() returns other ids in another process", () => {
  assert.notEqual(new JobIds().next(1_000), new JobIds().next(1_000));
});
