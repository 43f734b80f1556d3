/**
 * Estimates pi by many calls at once: `fan_out.ts [PARTS]`. The calls go to the pools of a server,
 * which is the host of the job or, by hand, the one in SNAKEDEN_URL.
 */
import { connect, progress, result } from "snakeden";

const POINTS = 100_000;

const parts = Number(Deno.args[0] ?? 20);
await using den = connect();

let done = 0;
const counts = await Promise.all(
  Array.from({ length: parts }, async (_, seed) => {
    const inside = await den.execute<number>("count_inside", { points: POINTS, seed });
    progress({ done: ++done, of: parts });
    return inside;
  }),
);
console.log(`${parts} samples of ${POINTS} points`);
result(await den.execute<object>("estimate_pi", { counts, points: POINTS }));
