import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Sends bytes to Python, and gets bytes back, without base64. */
export async function binary(den: Snakeden): Promise<void> {
  const data = new Uint8Array(8 * 2 ** 20).fill(7);
  const digest = await den.execute<string>("digest", { data });
  console.log(`sha-256 of ${data.length} bytes: ${digest.slice(0, 16)}...`);

  const bytes = await den.execute<Uint8Array<ArrayBuffer>>("tone", { hertz: 440, samples: 800 });
  const samples = new Int16Array(bytes.slice().buffer);
  console.log(`samples: ${samples.length}, loudest: ${Math.max(...samples)}`);
}

if (import.meta.main) await runAsScript(binary, OPTIONS);
