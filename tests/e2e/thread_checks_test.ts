/** The checks of `@not_thread_safe` in a pool of threads. */
import assert from "node:assert/strict";
import { PythonError } from "../../src/errors.ts";
import { startDen } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

/** Runs two calls that are made to overlap. Returns their outcomes, and the log. */
async function overlap(
  threadChecks: "off" | "warn" | "error",
): Promise<{ drawn: unknown; saved: unknown; log: string }> {
  await using log = new LogSink();
  const den = await startDen({
    adapter: "overlaps",
    size: 1,
    profile: "thread",
    threadsPerWorker: 2,
    threadChecks,
  });
  const [drawn, saved] = await Promise.all(
    ["draw", "save"].map((tool) => den.execute(tool, {}).catch((error: unknown) => error)),
  );
  await den.stop();
  return { drawn, saved, log: await log.text() };
}

Deno.test("A pool of threads logs calls that overlap in what is marked, with both tools and stacks", async () => {
  const { drawn, saved, log } = await overlap("warn");
  assert.deepEqual([drawn, saved], ["drawn", "saved"]);
  assert.match(log, /two calls overlap that are marked @not_thread_safe and use one Plots object/);
  assert.match(
    log,
    /Plots\._save in tool 'save' \(call \S+\), thread .* began while Plots\._draw in tool 'draw' \(call /,
  );
  assert.match(log, /assert self\.leave\.wait\(SECONDS\)/);
  assert.match(log, /return self\._save\(\)/);
  assert.match(log, /matplotlib is imported, and is not safe in several threads/);
});

Deno.test("A pool of threads fails the second of two calls that overlap, if its checks are strict", async () => {
  const { drawn, saved } = await overlap("error");
  assert.equal(drawn, "drawn");
  assert.ok(saved instanceof PythonError, String(saved));
  assert.match(
    saved.message,
    /tool 'save' raised snakeden\.errors\.OverlapError: two calls overlap/,
  );
});

Deno.test("A pool of threads checks nothing by default, and still warns of unsafe libraries", async () => {
  const { drawn, saved, log } = await overlap("off");
  assert.deepEqual([drawn, saved], ["drawn", "saved"]);
  assert.doesNotMatch(log, /two calls overlap/);
  assert.match(log, /matplotlib is imported/);
});
