import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Goes through a large table in chunks: neither side ever has all of it in memory. */
export async function processLargeDataset(den: Snakeden): Promise<void> {
  const args = { rows: 400_000, chunk_rows: 100_000 };
  for await (
    const { rows, mean } of den.stream<{ rows: number; mean: number }>(
      "process_large_dataset",
      args,
    )
  ) {
    console.log(`rows: ${rows.toLocaleString("en")}, mean ${mean.toFixed(2)}`);
  }
}

if (import.meta.main) await runAsScript(processLargeDataset, OPTIONS);
