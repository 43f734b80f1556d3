import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { CONTINUATION, lineFormat, recordOf } from "../src/log_format.ts";

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

Deno.test('lineFormat("plain") shows a traceback in lines, none of which can pass for another entry', () => {
  const text = "failed\nTraceback:\n  File x.py\nsnakeden: hacked\u001b[2J\n";
  const entry: Partial<LogRecord> = {
    level: "error",
    message: ["", text, ""],
    rawMessage: "{text}",
    properties: { workerId: "default-1", logger: "texts", text },
  };
  assert.deepEqual(plain(entry).split("\n"), [
    "default-1 | ERROR texts: failed",
    "default-1 | Traceback:",
    "default-1 |   File x.py",
    "default-1 | snakeden: hacked",
    "",
  ]);
  const host = lineFormat("plain")({ ...recordOf("reload", "cannot load\nFile x.py\u001b[2J") });
  assert.equal(host, "snakeden: warning: cannot load\n  File x.py\\u001b[2J\n");
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

Deno.test('lineFormat("plain") leaves out of requests what only helps to search a log', () => {
  const record = recordOf("http", "GET /", { requestId: "r-1", remote: "::1", tool: "add" });
  assert.equal(lineFormat("plain")(record), "snakeden: warning: GET / tool=add\n");
  assert.match(lineFormat("text")(record), /GET \/ requestId=r-1 remote=::1 tool=add\n$/);
});

Deno.test('lineFormat("plain") colours the head of each line, and not its text', () => {
  const line = lineFormat("plain", { colours: true });
  const record = recordOf("pool", "it\nis slow");
  assert.equal(line(record), "\u001b[33msnakeden: warning:\u001b[0m it\n  is slow\n");
  assert.equal(
    line({ ...recordOf("worker", ""), ...printed("a") }),
    "\u001b[1mdefault-1 |\u001b[0m a\n",
  );
});

Deno.test('lineFormat("plain") writes a further line of an entry without its head', () => {
  const record = { ...recordOf("pool", "  def x(:"), rawMessage: CONTINUATION };
  assert.equal(lineFormat("plain")(record), "    def x(:\n");
});
