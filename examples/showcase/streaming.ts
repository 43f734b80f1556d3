import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Reads a stream to its end, and leaves another one early, which ends the generator. */
export async function streaming(den: Snakeden): Promise<void> {
  const stream = den.stream<{ rows: number; mean: number }>("process_large_dataset", {
    rows: 3_000,
    chunk_rows: 1_000,
  });
  for await (const { rows } of stream) console.log(`rows: ${rows}`);

  const endless = { rows: 1_000_000_000, chunk_rows: 100 };
  for await (const { rows } of den.stream<{ rows: number }>("process_large_dataset", endless)) {
    if (rows < 500) continue;
    console.log(`left after ${rows} rows`);
    break;
  }
  console.log("the worker is free:", await den.execute("mood", { text: "fine" }));
}

if (import.meta.main) await runAsScript(streaming, OPTIONS);
