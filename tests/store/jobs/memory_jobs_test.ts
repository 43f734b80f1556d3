import assert from "node:assert/strict";
import { testJobs } from "./conformance.ts";
import { JobKit } from "./job_kit.ts";
import { MEMORY_DRIVER } from "./memory_driver.ts";
import { testFileModel } from "./model/file_model_cases.ts";
import { testJobModel } from "./model/job_model_cases.ts";

testJobs(MEMORY_DRIVER);
testJobModel(MEMORY_DRIVER, { runs: 1_000 });
testFileModel(MEMORY_DRIVER, { runs: 1_000 });

Deno.test("memory: a token of which any character was changed is good for nothing", async () => {
  await using kit = await JobKit.open(MEMORY_DRIVER);
  await kit.submit();
  const { token } = await kit.one();
  for (const [i, char] of [...token].entries()) {
    const forged = `${token.slice(0, i)}${char === "1" ? "2" : "1"}${token.slice(i + 1)}`;
    assert.deepEqual(await kit.store.extend([{ token: forged, leaseMs: 1 }]), ["lost"], forged);
  }
  assert.deepEqual(await kit.store.extend([{ token, leaseMs: 1 }]), ["held"]);
});
