import assert from "node:assert/strict";
import { newNonces } from "../../../src/store/jobs/claim_token.ts";
import { claimToken, newNonce, readClaimToken } from "../../../src/store/mod.ts";

Deno.test("claimToken() keeps the id, the start and the nonce of a claim", () => {
  for (const id of ["a", "a.b:c_d-e", ".", "1.2.3", "x".repeat(128)]) {
    const claim = { id, run: 12, nonce: newNonce() };
    assert.deepEqual(readClaimToken(claimToken(claim)), claim);
  }
});

Deno.test("readClaimToken() returns undefined for a text that is no token", () => {
  const texts = [
    "",
    "1",
    "1.a",
    "1.a.",
    "0.a.id",
    "-1.a.id",
    "x.a.id",
    "1.A.id",
    "1.a.i d",
    "1..id",
  ];
  for (const text of [...texts, "1.a.id\n", `1.a.${"x".repeat(129)}`, "1".repeat(400)]) {
    assert.equal(readClaimToken(text), undefined, text);
  }
});

Deno.test("newNonce() returns another text each time", () => {
  assert.equal(new Set(Array.from({ length: 1_000 }, newNonce)).size, 1_000);
});

Deno.test("newNonces() returns as many as asked for, of which none follows from another", () => {
  for (const count of [0, 1, 1_024, 2_500]) {
    const nonces = newNonces(count);
    assert.equal(nonces.length, count);
    assert.ok(nonces.every((it) => /^[0-9a-z]{14}$/.test(it)));
    // Neither half is counted up, or repeated.
    for (const half of [0, 7]) {
      const steps = nonces.slice(1).map((it, i) =>
        parseInt(it.slice(half, half + 7), 36) -
        parseInt(nonces[i]?.slice(half, half + 7) ?? "", 36)
      );
      assert.ok(new Set(steps).size > steps.length * 0.99 - 1);
    }
  }
});
