import { runAsScript, type ScriptContext, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Makes many calls at once: they share the workers, and none waits for a thread of its own. */
export async function concurrency(den: Snakeden, { signal }: ScriptContext): Promise<void> {
  const naps = Array.from(
    { length: 20 },
    () => den.execute<number>("nap", { seconds: 0.02 }, { signal }),
  );
  const pids = await Promise.all(naps);
  console.log(`calls: ${pids.length}, processes: ${new Set(pids).size}`);

  const answers = await Promise.allSettled([
    den.execute("nap", { seconds: 0 }),
    den.execute("divide", { a: 1, b: 0 }),
    den.execute("mood", { text: "good" }),
  ]);
  console.log("one fails alone:", answers.map(({ status }) => status).join(", "));
}

if (import.meta.main) await runAsScript(concurrency, OPTIONS);
