import { runAsScript, type ScriptContext, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Makes the lines of a log, as a service would write them. */
async function* linesOf(count: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let i = 1; i <= count; i++) {
    signal.throwIfAborted();
    yield `2026-11-26T12:00:${String(i % 60).padStart(2, "0")} ${
      i % 7 === 0 ? "ERROR" : "INFO"
    } ${i}`;
  }
}

/** Sends a log line by line into a tool that runs, and gets alerts back while lines still come. */
export async function tailAndAnalyze(den: Snakeden, { signal }: ScriptContext): Promise<void> {
  const args = { lines: linesOf(100, signal), alert_at: 5 };
  for await (
    const { line, errors } of den.stream<{ line: number; errors: number }>("tail_and_analyze", args)
  ) {
    console.log(`alert at line ${line}: ${errors} errors`);
  }
}

if (import.meta.main) await runAsScript(tailAndAnalyze, OPTIONS);
