import { PythonError, runAsScript, type Snakeden, SnakedenError } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Calls tools, and shows what becomes of errors and of calls that take too long. */
export async function basics(den: Snakeden): Promise<void> {
  const names = den.tools.list().map(({ name }) => name);
  console.log(`tools: ${names.length}, among them ${names.slice(0, 3).join(", ")}`);
  console.log("mood:", await den.execute("mood", { text: "what a great day" }));

  try {
    await den.execute("divide", { a: 1, b: 0 });
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    console.log(`error of Python: ${error.python.type}: ${error.python.message}`);
  }
  try {
    await den.execute("divide", { a: 1, b: "two" });
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    console.log(`wrong argument: ${error.code}`);
  }
  try {
    await den.execute("nap", { seconds: 60 }, { timeoutMs: 100 });
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    console.log(`too slow: ${error.code}`);
  }
}

if (import.meta.main) await runAsScript(basics, OPTIONS);
