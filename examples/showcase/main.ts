/**
 * Runs the demos, all of them or those that are named:
 *
 *     deno task demo [NAME...]
 *
 * Each is a script of its own, too: `deno task run examples/showcase/streaming.ts`.
 */
import { runAsScript } from "snakeden";
import { basics } from "./basics.ts";
import { batchInference } from "./batch_inference.ts";
import { binary } from "./binary.ts";
import { concurrency } from "./concurrency.ts";
import { distributedTraining } from "./distributed_training.ts";
import { mlWorkflow } from "./ml_workflow.ts";
import { processLargeDataset } from "./process_large_dataset.ts";
import { sessions } from "./sessions.ts";
import { type Demo, OPTIONS } from "./showcase.ts";
import { streaming } from "./streaming.ts";
import { tailAndAnalyze } from "./tail_and_analyze.ts";
import { variables } from "./variables.ts";

const DEMOS: Readonly<Record<string, Demo>> = {
  basics,
  sessions,
  streaming,
  concurrency,
  variables,
  binary,
  ml_workflow: mlWorkflow,
  batch_inference: batchInference,
  process_large_dataset: processLargeDataset,
  tail_and_analyze: tailAndAnalyze,
  distributed_training: distributedTraining,
};

const unknown = Deno.args.find((name) => !Object.hasOwn(DEMOS, name));
if (unknown !== undefined) {
  console.error(`unknown demo ${unknown}; there are ${Object.keys(DEMOS).join(", ")}`);
  Deno.exit(2);
}

await runAsScript(async (den, context) => {
  for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(DEMOS)) {
    context.signal.throwIfAborted();
    console.log(`\n${name}`);
    await DEMOS[name]?.(den, context);
  }
}, OPTIONS);
