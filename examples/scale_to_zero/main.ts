/**
 * A pool without workers while nothing is to do: it gets some for a burst of calls, and ends them.
 *
 *     deno task run examples/scale_to_zero/main.ts
 */
import { runAsScript, type Snakeden } from "snakeden";

/** Waits until the pool has at most this many workers. */
async function untilAtMost(den: Snakeden, count: number): Promise<void> {
  while (den.workers.list().length > count) await new Promise((done) => setTimeout(done, 20));
}

await runAsScript(async (den) => {
  const show = (when: string): void => {
    const { state } = den.pools.get("bursts");
    console.log(`${when}: ${den.workers.list().length} workers, ${state}`);
  };
  show("at the start");
  const { value, queueMs } = await den.call("add", { a: 1, b: 2 });
  console.log(`1 + 2 = ${value.decode()}, after a start of ${Math.round(queueMs)} ms`);
  show("after one call");
  await Promise.all(Array.from({ length: 3 }, () => den.execute("sleep", { seconds: 2 })));
  show("after three at once");
  await untilAtMost(den, 0);
  show("at rest");
}, {
  pools: [{ name: "bursts", min: 0, max: 3, idleTtlMs: 1_000 }],
});
