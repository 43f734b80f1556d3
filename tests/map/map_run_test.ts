import assert from "node:assert/strict";
import type { BulkWatch } from "../../src/calls/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { MapRun } from "../../src/map/mod.ts";
import type { ItemOutcome } from "../../src/pool/mod.ts";

type Bulk = (args: readonly unknown[], watch: BulkWatch) => void | Promise<void>;

/** Runs a map of texts by these bulk calls, one after the other. Returns outcomes, and what ran. */
async function run(items: readonly string[], calls: readonly Bulk[]): Promise<{
  readonly outcomes: readonly ItemOutcome[];
  readonly sent: readonly (readonly unknown[])[];
}> {
  const sent: (readonly unknown[])[] = [];
  const map = new MapRun<string>({
    items,
    encode: (item) => item,
    options: { batchSize: items.length, ordered: true, yieldsErrors: true },
    bulk: async (args, watch) => {
      const call = calls[sent.length];
      sent.push(args);
      await call?.(args, watch);
      return { callId: "c", workerId: "w", durationMs: 1, queueMs: 0, runMs: 1 };
    },
    openFiles: () => undefined,
    window: () => 1,
    reruns: () => 0,
    failsWhenBusy: false,
    signal: undefined,
  });
  const outcomes: ItemOutcome[] = [];
  for (let next = await map.next(); next; next = await map.next()) outcomes.push(...next.outcomes);
  return { outcomes, sent };
}

const echo: Bulk = (args, watch) => watch.onOutcomes(args.map(String), 0);

/** Hands on some outcomes, and dies in an item. */
function dies(outcomes: number, item: number): Bulk {
  return async (args, watch) => {
    await watch.onOutcomes(args.slice(0, outcomes).map(String), 0);
    throw new SnakedenError("worker_crashed", "gone", { details: { outcomes, item } });
  };
}

/** Shows errors by their codes. */
function shown(outcomes: readonly ItemOutcome[]): unknown[] {
  return outcomes.map((it) => it instanceof SnakedenError ? it.code : it);
}

Deno.test("MapRun gives the error of a death to the item that ran, and runs the rest", async () => {
  const { outcomes, sent } = await run(["0", "1", "2", "3"], [dies(1, 1), echo]);
  assert.deepEqual(shown(outcomes), ["0", "worker_crashed", "2", "3"]);
  assert.deepEqual(sent, [["0", "1", "2", "3"], ["2", "3"]]);
});

Deno.test("MapRun runs items again whose outcomes a death has taken, but not the one that ran", async () => {
  const { outcomes, sent } = await run(["0", "1", "2", "3"], [dies(1, 2), echo, echo]);
  assert.deepEqual(shown(outcomes), ["0", "1", "worker_crashed", "3"]);
  assert.deepEqual(sent, [["0", "1", "2", "3"], ["1"], ["3"]]);
});

Deno.test("MapRun gives up after three failures that are of no item", async () => {
  const fails: Bulk = () => {
    throw new SnakedenError("internal", "broken");
  };
  await assert.rejects(run(["0", "1"], [fails, fails, fails, echo]), { code: "internal" });
  const { outcomes } = await run(["0", "1"], [fails, fails, echo]);
  assert.deepEqual(shown(outcomes), ["0", "1"]);
});
