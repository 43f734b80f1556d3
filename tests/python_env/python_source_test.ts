import assert from "node:assert/strict";
import { packagePath, workerCommand } from "../../src/python_env/mod.ts";

Deno.test("workerCommand() keeps the working folder off Python's search path if Python supports that", () => {
  const script = `${packagePath()}/snakeden/worker.py`;
  const commandOf = (version: string): string[] => workerCommand({ executable: "py", version });
  assert.deepEqual(commandOf("3.10.13"), ["py", script]);
  assert.deepEqual(commandOf("3.11.2"), ["py", "-P", script]);
  assert.deepEqual(commandOf("3.100.1"), ["py", "-P", script]);
});
