import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS, type Point } from "./showcase.ts";

const SHARES = 2;
const ROUNDS = 20;
const RATE = 4;

type Weights = Readonly<Record<"bias" | "x" | "y", number>>;

/** Trains one model on all workers: each gets a share of the data, and gradients are averaged. */
export async function distributedTraining(den: Snakeden): Promise<void> {
  const points = await den.execute<Point[]>("make_points", { count: 400, seed: 2 });
  const shares = Array.from(
    { length: SHARES },
    (_, share) => points.filter((_, i) => i % SHARES === share),
  );
  let weights: Weights = { bias: 0, x: 0, y: 0 };
  for (let round = 1; round <= ROUNDS; round++) {
    const gradients = await Promise.all(
      shares.map((share) =>
        den.execute<Weights & { accuracy: number }>("gradient_of", { weights, points: share })
      ),
    );
    const mean = (of: (it: typeof gradients[number]) => number) =>
      gradients.reduce((sum, it) => sum + of(it), 0) / SHARES;
    weights = {
      bias: weights.bias - RATE * mean((it) => it.bias),
      x: weights.x - RATE * mean((it) => it.x),
      y: weights.y - RATE * mean((it) => it.y),
    };
    if (round % 10 === 0) {
      console.log(`round ${round}: accuracy ${mean((it) => it.accuracy).toFixed(2)}`);
    }
  }
}

if (import.meta.main) await runAsScript(distributedTraining, OPTIONS);
