import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { lineFormat, recordOf } from "../src/log_format.ts";

function plain(record: Partial<LogRecord>): string {
  return lineFormat("plain")({ ...recordOf("worker", ""), ...record });
}

/** A line that a worker has printed. */
function printed(line: string): Partial<LogRecord> {
  return {
    level: "info",
    message: ["", line, ""],
    rawMessage: "{line}",
    properties: { workerId: "default-1", from: "stdout", callId: 3, line },
  };
}

Deno.test('lineFormat("plain") shows what a worker prints as it is, after the id of the worker', () => {
  assert.equal(plain(printed("epoch 3, loss 0.12")), "default-1 | epoch 3, loss 0.12\n");
  assert.equal(plain(printed("")), "default-1 | \n");
  assert.equal(plain(printed("two\nlines")), "default-1 | two\\nlines\n");
});

Deno.test('lineFormat("plain") shows what a terminal would show of colours and progress bars', () => {
  assert.equal(
    plain(printed("\u001b[1;31mred\u001b[0m and \u001b]0;title\u0007")),
    [
      "default-1 | red and \\u001b]0;title\\u0007",
      "",
    ].join("\n"),
  );
  assert.equal(
    plain(printed("\r 10%|#\r 50%|#####\r100%|##########\r")),
    [
      "default-1 | 100%|##########",
      "",
    ].join("\n"),
  );
});

Deno.test('lineFormat("plain") shows level and logger of an entry of Python\'s logging', () => {
  const text = "no rows in x.csv";
  const entry: Partial<LogRecord> = {
    level: "warning",
    message: ["", text, ""],
    rawMessage: "{text}",
    properties: { workerId: "default-2", logger: "texts.load", text },
  };
  assert.equal(plain(entry), "default-2 | WARNING texts.load: no rows in x.csv\n");
});

Deno.test('lineFormat("plain") shows what the host says with level and values', () => {
  const record = {
    ...recordOf("pool", "default-1 died"),
    properties: { crash: "signal", how: "it ran out of luck" },
  };
  assert.equal(
    lineFormat("plain")(record),
    'snakeden: warning: default-1 died crash=signal how="it ran out of luck"\n',
  );
  assert.equal(
    lineFormat("plain")({ ...recordOf("pool", "ready"), level: "info" }),
    "snakeden: ready\n",
  );
  // The worker's category has entries of the host, too.
  assert.equal(
    plain({ message: ["12 lines of default-1 were dropped"], properties: {} }),
    "snakeden: warning: 12 lines of default-1 were dropped\n",
  );
});
