import assert from "node:assert/strict";
import { describeExit, describeOutput } from "../../../src/pool/crashes/exit_status.ts";

Deno.test("describeExit() explains codes and signals", () => {
  const exit = { exitCode: null, signal: null, lastOutput: [] };
  assert.equal(describeExit({ ...exit, exitCode: 7 }), "exit code 7");
  assert.equal(
    describeExit({ ...exit, signal: "SIGSEGV" }),
    "signal SIGSEGV (a crash in native code)",
  );
  assert.equal(describeExit({ ...exit, signal: "SIGUSR2" }), "signal SIGUSR2");
});

Deno.test("describeExit() explains a status that the worker announced, and none that a tool chose", () => {
  const meanings: readonly [number, string][] = [
    [3, "its adapter could not be started"],
    [4, "the host refused it"],
    [5, "it lost the link to the host"],
  ];
  for (const [exitCode, meaning] of meanings) {
    const exit = { exitCode, signal: null, lastOutput: [] };
    assert.equal(describeExit(exit, exitCode), `exit code ${exitCode} (${meaning})`);
    assert.equal(describeExit(exit), `exit code ${exitCode}`);
    assert.equal(describeExit(exit, 1), `exit code ${exitCode}`);
  }
});

Deno.test("describeOutput() shows the last five lines", () => {
  assert.equal(describeOutput([]), "it wrote no output");
  assert.equal(
    describeOutput(["1", "2", "3", "4", "5", "6"]),
    "last output: 2 | 3 | 4 | 5 | 6",
  );
});
