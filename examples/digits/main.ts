/**
 * Trains a model in a session and reads a digit with it. Run it twice: the variables of the session
 * are kept, and the model is gone with its worker.
 *
 *     deno task run examples/digits/main.ts [EPOCHS]
 */
import { fileURLToPath } from "node:url";
import { type CallOptions, defineTool, runAsScript, type Snakeden, SnakedenError } from "snakeden";
import { z } from "zod";

const here = fileURLToPath(new URL(".", import.meta.url));
const epochs = Number(Deno.args[0] ?? 5);
if (Deno.args.length > 1 || !Number.isSafeInteger(epochs) || epochs < 1) {
  console.error("usage: main.ts [EPOCHS], a whole number from 1");
  Deno.exit(2);
}

const WEEK_MS = 7 * 24 * 3_600_000;
/** All calls of the session go to the worker that has its model, and to no other one. */
const STRICT: CallOptions = { sessionId: "digits", affinity: "strict_queue" };

/** A handwritten 4: 8 rows of 8 pixels, from 0 to 16. */
// deno-fmt-ignore
const FOUR = [
  0,  0,  0,  9, 13,  0,  0, 0,
  0,  0,  2, 16,  8,  0,  7, 1,
  0,  0, 10, 13,  1,  6, 16, 5,
  0,  6, 16, 11,  8, 14, 15, 0,
  0, 13, 16, 16, 16, 16,  9, 0,
  0,  2,  2,  0, 11, 16,  1, 0,
  0,  0,  0,  4, 16,  7,  0, 0,
  0,  0,  0,  9, 15,  2,  0, 0,
];

const epochSchema = z.object({ epoch: z.number().int(), accuracy: z.number() });
type Epoch = z.infer<typeof epochSchema>;

/** Stands for a store of metrics, such as a table of your database. */
const metrics: Epoch[] = [];
const logMetrics = defineTool({
  name: "log_metrics",
  description: "Stores the accuracy of the model after an epoch.",
  input: epochSchema,
  expose: ["default"],
  run: (epoch) => {
    metrics.push(epoch);
  },
});

async function train(den: Snakeden, options: CallOptions): Promise<void> {
  for await (const { epoch, accuracy } of den.stream<Epoch>("train", { epochs }, options)) {
    console.log(`epoch ${epoch}: accuracy ${accuracy.toFixed(3)}`);
  }
  const best = Math.max(...metrics.map(({ accuracy }) => accuracy));
  console.log(`logged: ${metrics.length} epochs, best accuracy ${best.toFixed(3)}`);
}

await runAsScript(async (den, { signal }) => {
  const options = { ...STRICT, signal, timeoutMs: 600_000 };
  const { session, created } = await den.sessions.ensure("digits", { ttlMs: WEEK_MS });
  const { variables } = session;
  if (created) {
    await variables.set("learning_rate", 0.01, { constraints: { min: 0.0001, max: 1 } });
  }
  if (session.worker === undefined) await train(den, options);
  else {
    const kept = await variables.getMany(["learning_rate", "epochs", "accuracy"]);
    for (const { name, value } of kept.values()) console.log(`kept: ${name} ${value}`);
    try {
      await den.execute("predict", { pixels: FOUR }, options);
    } catch (error) {
      const isGone = error instanceof SnakedenError && error.code === "session_worker_unavailable";
      if (!isGone) throw error;
      console.log(`gone: the model, since its worker ${error.details.workerEnd}`);
      await train(den, { ...options, rebind: true });
    }
  }
  console.log("read:", await den.execute("predict", { pixels: FOUR }, options));
}, {
  pools: [{
    name: "default",
    size: 2,
    adapter: "digits:Digits",
    modulePaths: [here],
    python: { requirements: [`${here}requirements.txt`] },
  }],
  hostTools: [logMetrics],
  onSetupProgress: (line) => console.error(line),
});
