import assert from "node:assert/strict";
import { JobKit } from "../store/jobs/job_kit.ts";
import { DRIVER } from "./sqlite_driver.ts";

Deno.test("a job that was returned before it began expires, though another one has meanwhile", async () => {
  await using kit = await JobKit.open(DRIVER);
  const { id } = await kit.submit({ ttlMs: 1_000 });
  const claim = await kit.one();
  await kit.submit({ pool: "other", ttlMs: 10 });
  kit.clock.advance(10);
  // No job waits after this that can expire, and the store knows that.
  assert.equal((await kit.sweep()).ended, 1);
  await kit.end(claim, { type: "returned", hasBegun: false });
  kit.clock.advance(1_000);
  assert.equal((await kit.sweep()).ended, 1);
  assert.equal(await kit.stateOf(id), "discarded");
});
