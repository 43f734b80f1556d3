import assert from "node:assert/strict";
import { depthOf, isTokenText, JobTokens, parentOf } from "../../../../src/jobs/scripts/mod.ts";

const GRANT = { jobId: "j1", attempt: 1, depth: 0 };

Deno.test("JobTokens.check() knows a token until its attempt ends", () => {
  const tokens = new JobTokens();
  const token = tokens.mint(GRANT);
  const holder = tokens.check(token);
  assert.deepEqual({ ...holder, signal: undefined }, { ...GRANT, signal: undefined });
  assert.equal(holder?.signal.aborted, false);
  tokens.revoke("j1", 1);
  assert.equal(tokens.check(token), undefined);
  assert.equal(tokens.size, 0);
  assert.equal(holder?.signal.reason.code, "cancelled");
  assert.match(holder?.signal.reason.message, /attempt 1 of the job j1.* has ended/);
});

Deno.test("JobTokens.mint() makes tokens of 256 bits that differ, and holds none of them", () => {
  const tokens = new JobTokens();
  const made = Array.from({ length: 100 }, (_, i) => tokens.mint({ ...GRANT, attempt: i }));
  assert.equal(new Set(made).size, 100);
  for (const token of made) {
    const random = token.replace("snakeden-job-", "");
    assert.equal(Uint8Array.fromBase64(random, { alphabet: "base64url" }).byteLength, 32);
    assert.ok(isTokenText(token));
    // Nothing that a dump of the registry shows has it.
    assert.ok(!Deno.inspect(tokens, { depth: 9, showHidden: true }).includes(random));
  }
});

Deno.test("JobTokens.mint() replaces the token of the same attempt, and of no other", () => {
  const tokens = new JobTokens();
  const [first, other] = [tokens.mint(GRANT), tokens.mint({ ...GRANT, attempt: 2 })];
  const held = tokens.check(first);
  const second = tokens.mint(GRANT);
  assert.equal(tokens.check(first), undefined);
  assert.equal(held?.signal.aborted, true);
  assert.ok(tokens.check(second) !== undefined && tokens.check(other) !== undefined);
  tokens.revoke("j1", 3);
  tokens.revoke("j2", 1);
  assert.equal(tokens.size, 2);
});

Deno.test("JobTokens.check() refuses what is no token", () => {
  const tokens = new JobTokens();
  const token = tokens.mint(GRANT);
  for (const wrong of ["", "snakeden-job-", token.slice(0, -1), `${token}x`, token.toUpperCase()]) {
    assert.equal(tokens.check(wrong), undefined, wrong);
  }
});

Deno.test("JobTokens.parentFor() puts a job one below its parent", () => {
  const tokens = new JobTokens({ maxDepth: 2 });
  const holder = (depth: number): Parameters<JobTokens["parentFor"]>[0] => ({
    ...GRANT,
    depth,
    signal: new AbortController().signal,
  });
  assert.equal(tokens.parentFor(holder(0)).depth, 1);
  const deepest = tokens.parentFor(holder(1));
  const options = { parent: { id: deepest.id, depth: deepest.depth } };
  assert.deepEqual([parentOf(options), depthOf(options)], ["j1", 2]);
  assert.equal(deepest.maxDepth, 2);
  assert.deepEqual([parentOf({}), depthOf({})], [undefined, 0]);
});
