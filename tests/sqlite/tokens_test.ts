import assert from "node:assert/strict";
import { JobKit, newJobs } from "../store/jobs/job_kit.ts";
import { DRIVER } from "./sqlite_driver.ts";

Deno.test("sqlite: a token of which any character was changed is good for nothing", async () => {
  await using kit = await JobKit.open(DRIVER);
  await kit.submit();
  const { token } = await kit.one();
  const forged = [...token].map((char, i) =>
    `${token.slice(0, i)}${char === "1" ? "2" : "1"}${token.slice(i + 1)}`
  );
  const holds = [...forged, token].map((it) => ({ token: it, leaseMs: 1_000 }));
  const answers = await kit.store.extend(holds);
  assert.deepEqual(answers, [...forged.map(() => "lost"), "held"]);
});

Deno.test("sqlite: a token says nothing about that of the next claim", async () => {
  await using kit = await JobKit.open(DRIVER);
  await kit.store.submit(newJobs(50, () => ({})));
  const claims = [...await kit.take({ slots: 25 }), ...await kit.take({ slots: 25 })];
  const nonces = claims.map(({ token }) => token.slice(token.lastIndexOf(".") + 1));
  // The low half: one that is counted up has equal steps.
  const numbers = nonces.map((it) => parseInt(it.slice(-7), 36));
  const steps = numbers.slice(1).map((it, i) => it - (numbers[i] ?? 0));
  assert.equal(new Set(steps).size, 49);
});
