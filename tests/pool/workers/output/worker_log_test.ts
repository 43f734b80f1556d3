import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/alarms.ts";
import { WorkerLog } from "../../../../src/pool/workers/output/worker_log.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";

/** Returns the records that are logged while `work` runs. */
function logged(
  work: (log: WorkerLog, clock: FakeClock) => void,
  level: "debug" | "info" | "error" = "info",
): LogRecord[] {
  const records: LogRecord[] = [];
  configureSync({
    reset: true,
    sinks: { test: (record) => void records.push(record) },
    loggers: [
      { category: "snakeden", sinks: ["test"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  const clock = new FakeClock();
  using alarms = new Alarms(clock);
  try {
    work(new WorkerLog({ workerId: "default-1", callPrefix: "c-" }, alarms), clock);
  } finally {
    resetSync();
  }
  return records;
}

function textOf({ message }: LogRecord): string {
  return message.join("");
}

const ENTRY = { level: 20, logger: "tools", message: "entry", time: 0, callId: 5, dropped: 0 };

Deno.test("WorkerLog logs lines and entries with the worker and the call", () => {
  const [line, start, entry] = logged((log) => {
    log.line({ text: "printed", owner: 4 }, "stdout");
    log.line({ text: "loading", owner: -1 }, "stderr");
    log.entry({ ...ENTRY, level: 40 });
  });
  assert.deepEqual(line?.properties, {
    workerId: "default-1",
    from: "stdout",
    callId: "c-4",
    line: "printed",
  });
  assert.deepEqual(start?.properties, { workerId: "default-1", from: "stderr", line: "loading" });
  assert.equal(entry?.level, "error");
  assert.deepEqual(entry?.properties, {
    workerId: "default-1",
    logger: "tools",
    callId: "c-5",
    text: "entry",
  });
});

const OWN = '  File "/p/src/snakeden/_link/outbox.py", line 155 in _wait';
const LIBRARY = '  File "/lib/threading.py", line 982 in run';
const TOOL = '  File "/tools.py", line 7 in boom';
const DUMP = [
  "Fatal Python error: Segmentation fault",
  "",
  ...["Thread 0x1f (most recent call first):", OWN, LIBRARY, ""],
  ...["Thread 0x2f (most recent call first):", TOOL, LIBRARY, ""],
  ...["Current thread 0x3f (most recent call first):", TOOL, OWN, ""],
  "Extension modules: numpy (total: 1)",
  "Thread 0x4f (most recent call first):",
];

Deno.test("WorkerLog logs Snakeden's own threads and frames in a dump of Python at debug only", () => {
  const dump = (log: WorkerLog): void => {
    for (const text of DUMP) log.line({ text, owner: 0 }, "stderr");
    log.close();
  };
  assert.deepEqual(logged(dump).map(textOf), [
    "Fatal Python error: Segmentation fault",
    "",
    ...["Thread 0x2f (most recent call first):", TOOL, LIBRARY, ""],
    ...["Current thread 0x3f (most recent call first):", TOOL, ""],
    "Extension modules: numpy (total: 1)",
    "Thread 0x4f (most recent call first):",
  ]);
  assert.deepEqual(logged(dump, "debug").map(textOf), DUMP);
});

Deno.test("WorkerLog logs a traceback through Snakeden's frames, and what looks like a dump on stdout", () => {
  const traceback = OWN.replace(" in ", ", in ");
  const lines = logged((log) => {
    log.line({ text: traceback, owner: 4 }, "stderr");
    for (const text of DUMP) log.line({ text, owner: 4 }, "stdout");
  });
  assert.deepEqual(lines.map(textOf), [traceback, ...DUMP]);
});

Deno.test("WorkerLog drops the lines of a flood beyond its bound, and reports their number each second", () => {
  const total = 100_000;
  const records = logged((log, clock) => {
    for (let i = 0; i < total; i++) {
      if (i % 2 === 0) log.line({ text: `line ${i}`, owner: 1 }, "stdout");
      else log.entry(ENTRY);
    }
    assert.equal(log.leftOut, total - 5_000);
    clock.advance(1_100);
    assert.equal(log.leftOut, 0);
    log.line({ text: "and on", owner: 1 }, "stdout");
    log.close();
  });
  assert.equal(records.length, 5_000 + 2);
  assert.equal(
    textOf(records.at(-2) as LogRecord),
    "95000 lines of default-1 were dropped: it writes too many",
  );
  assert.equal(records.at(-2)?.level, "warning");
  assert.equal(textOf(records.at(-1) as LogRecord), "and on");
});

Deno.test("WorkerLog bounds characters as well as lines", () => {
  const records = logged((log) => {
    for (let i = 0; i < 1_000; i++) log.line({ text: "x".repeat(8_192), owner: 1 }, "stdout");
    log.close();
  });
  assert.equal(records.length, 256 + 1);
  assert.match(textOf(records.at(-1) as LogRecord), /^744 lines/);
});

Deno.test("WorkerLog.close() reports dropped lines that were not reported yet, including the worker's own", () => {
  const records = logged((log, clock) => {
    log.entry({ ...ENTRY, dropped: 41 });
    log.entry({ ...ENTRY, dropped: 1 });
    log.close();
    assert.equal(clock.pending <= 1, true);
    clock.advance(10_000);
  });
  assert.deepEqual(records.map(textOf), [
    "entry",
    "entry",
    "42 lines of default-1 were dropped: it writes too many",
  ]);
});

Deno.test("WorkerLog does not count lines below the level of the log", () => {
  const records = logged((log) => {
    for (let i = 0; i < 50_000; i++) log.line({ text: "quiet", owner: 1 }, "stdout");
    log.entry({ ...ENTRY, level: 40 });
    assert.equal(log.leftOut, 0);
  }, "error");
  assert.deepEqual(records.map(textOf), ["entry"]);
});
