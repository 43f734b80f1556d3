/** Tests that no test can send a signal to its own group, and so to the whole suite. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../scripts/dev_python.ts";
import { signalPid } from "./fixtures/processes/signals.ts";

/** Those that signal themselves, or a group that they have made. */
const EXEMPT = [
  "fixtures/processes/job_host.ts",
  "fixtures/processes/marked_process.ts",
  "fixtures/processes/signals.ts",
  "process/stop_signals_test.ts",
  "signals_test.ts",
];

function* programsIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, "tests", folder))) {
    if (isDirectory) yield* programsIn(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield `${folder}${name}`;
  }
}

Deno.test("Tests signal other processes with signalPid() alone", () => {
  const text = (file: string): string => Deno.readTextFileSync(join(ROOT, "tests", file));
  const found = [...programsIn("")].filter((it) => text(it).includes("Deno.kill("));
  assert.deepEqual(found.sort(), EXEMPT);
});

Deno.test("signalPid() refuses what is not the pid of one other process", () => {
  for (const pid of [undefined, 0, 1, -1, -Deno.pid, NaN]) {
    assert.throws(() => signalPid(pid, "SIGCONT"), RangeError, String(pid));
  }
});
