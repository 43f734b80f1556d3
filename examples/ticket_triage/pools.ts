/** The pools of the example: one that has DSPy, and one that has numpy. */
import { fileURLToPath } from "node:url";
import type { SnakedenOptions } from "snakeden";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The options of each pool. Their packages are installed for this example alone. */
export const POOLS = [
  {
    name: "triage",
    size: 2,
    adapter: "triage:Triage",
    // Calls of a session go to the worker that has its predictor, and to no other one.
    affinity: "strict_queue",
    modulePaths: [here],
    python: { requirements: [`${here}requirements.txt`] },
  },
  {
    name: "scores",
    size: 1,
    adapter: "accuracy",
    modulePaths: [here],
    python: { requirements: [`${here}numpy.txt`] },
  },
] as const satisfies NonNullable<SnakedenOptions["pools"]>;
