import assert from "node:assert/strict";
import { startFailure } from "../../src/bridge/start_failure.ts";

function messageWith(traceback: string): string {
  const python = { type: "ValueError", message: "bad", traceback };
  return startFailure({ code: "x", message: "it raised", python, issues: [] }).message;
}

Deno.test("startFailure() shows a short traceback whole", () => {
  assert.equal(
    messageWith("File a\n  b\nValueError: bad\n"),
    "it raised\nFile a\n  b\nValueError: bad",
  );
  assert.equal(messageWith(""), "it raised");
});

Deno.test("startFailure() shows the last whole lines of a long traceback, and counts the others", () => {
  const lines = Array.from({ length: 500 }, (_, i) => `  File "/adapter.py", line ${i}, in f`);
  const [first, note, ...shown] = messageWith(lines.join("\n")).split("\n");
  assert.equal(first, "it raised");
  assert.equal(note, `  ... ${500 - shown.length} lines left out ...`);
  assert.deepEqual(shown, lines.slice(-shown.length));
  assert.ok(shown.join("\n").length <= 2_000 && shown.length > 40, String(shown.length));
});

Deno.test("startFailure() cuts a last line that is too long itself", () => {
  const message = messageWith(`first\n${"x".repeat(10_000)}end`);
  assert.ok(message.endsWith("xend") && message.length < 2_100, String(message.length));
});
