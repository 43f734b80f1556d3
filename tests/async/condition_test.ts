import assert from "node:assert/strict";
import { Condition } from "../../src/async/condition.ts";

Deno.test("Condition.until() resolves at once if the condition holds, otherwise after the change that makes it hold", async () => {
  const changes = new Condition();
  let count = 1;
  await changes.until(() => count === 1);
  let resolved = false;
  const waiting = changes.until(() => count === 3).then(() => resolved = true);
  count = 2;
  changes.notify();
  await Promise.resolve();
  assert.equal(resolved, false);
  count = 3;
  changes.notify();
  await waiting;
});

Deno.test("Condition.until() rejects with the reason of its signal", async () => {
  const changes = new Condition();
  const leaving = new AbortController();
  const waiting = changes.until(() => false, leaving.signal);
  const reason = new Error("enough");
  leaving.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(changes.until(() => true, leaving.signal), reason);
});
