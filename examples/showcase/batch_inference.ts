import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

const TEXTS = ["a good day", "awful", "it rains", "great, fine", "bad luck", "so so", "fine"];

/** Classifies many texts, batch by batch. */
export async function batchInference(den: Snakeden): Promise<void> {
  const stream = den.stream("batch_inference", { texts: TEXTS, batch_size: 3 });
  for await (const event of stream.events()) {
    if (event.type === "chunk") {
      console.log("batch:", (event.value.decode() as string[]).join(", "));
    }
  }
}

if (import.meta.main) await runAsScript(batchInference, OPTIONS);
