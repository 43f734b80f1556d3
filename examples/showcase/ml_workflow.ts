import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS, type Point } from "./showcase.ts";

/** Trains a model in a session, by programs that the session keeps, and predicts with it. */
export async function mlWorkflow(den: Snakeden): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const session = await den.sessions.open("showcase-model", { ttlMs: 60_000 });
  cleanup.defer(async () => void await den.sessions.delete("showcase-model"));
  const { programs } = session;
  await programs.put("training", { tool: "train", args: { rate: 4, epochs: 30 } });
  await programs.put("prediction", { tool: "predict", timeoutMs: 2_000 });

  const points = await den.execute<Point[]>("make_points", { count: 400, seed: 1 });
  let last = { epoch: 0, accuracy: 0 };
  for await (const epoch of programs.stream<typeof last>("training", { points })) {
    if (epoch.epoch % 10 === 0) {
      console.log(`epoch ${epoch.epoch}: accuracy ${epoch.accuracy.toFixed(2)}`);
    }
    last = epoch;
  }
  console.log(last.accuracy > 0.9 ? "trained" : "not trained");
  const sure = await programs.run<number>("prediction", { x: 1, y: -1 });
  console.log(`class of (1, -1): ${sure > 0.5 ? 1 : 0}`);
}

if (import.meta.main) await runAsScript(mlWorkflow, OPTIONS);
