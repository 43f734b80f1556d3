import assert from "node:assert/strict";
import { TurnBudget } from "../../src/async/mod.ts";

/** Returns the number of pieces that began before each of the next turns of the event loop. */
async function begunByTurn(pieces: readonly number[]): Promise<number[]> {
  const budget = new TurnBudget(10);
  const counts: number[] = [];
  let begun = 0;
  let isOver = false;
  const look = (): void => {
    counts.push(begun);
    if (!isOver) setTimeout(look);
  };
  setTimeout(look);
  await Promise.all(pieces.map((it) => budget.take(it).then(() => begun++)));
  isOver = true;
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  return [...new Set(counts)];
}

Deno.test("TurnBudget.take() spreads pieces of work over turns of the event loop, in order", async () => {
  assert.deepEqual(await begunByTurn([4, 4, 4, 4, 4]), [2, 4, 5]);
  assert.deepEqual(await begunByTurn([1, 1, 1]), [3]);
  assert.deepEqual(await begunByTurn([25, 1, 25]), [1, 2, 3]);
});
