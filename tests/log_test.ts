import assert from "node:assert/strict";
import {
  configureLogging,
  getLogger,
  isEnabled,
  isLoggingConfigured,
  type LogEntry,
  type Logger,
  type LoggingOptions,
  type LogStream,
  writeWhole,
} from "../src/log.ts";
import { configureSync, resetSync } from "@logtape/logtape";
import { StuckStream } from "./fixtures/fakes/stuck_stream.ts";

/** A stream that takes three bytes at a time, as a full pipe might. */
class Sink implements LogStream {
  text = "";
  writes = 0;
  readonly #decoder = new TextDecoder();

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await null;
    return this.#take(bytes);
  }

  writeSync(bytes: Uint8Array): number {
    this.writes++;
    return this.#take(bytes);
  }

  #take(bytes: Uint8Array): number {
    const part = bytes.subarray(0, 3);
    this.text += this.#decoder.decode(part, { stream: true });
    return part.byteLength;
  }
}

/** Returns everything that `work` logs. */
async function logged(options: LoggingOptions, work: () => void): Promise<string> {
  const stream = new Sink();
  const log = configureLogging({ ...options, stream });
  try {
    work();
    assert.equal(stream.writes, 0, "nothing is written while the program runs");
    assert.ok(await log.flush(30_000));
  } finally {
    resetSync();
  }
  return stream.text;
}

const LOG = new URL("../src/log.ts", import.meta.url).href;

/** Returns everything that a separate program writes. */
async function said(code: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `import * as log from "${LOG}"; ${code}`],
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("getLogger() is silent until logging is configured", async () => {
  const speak = `log.getLogger("pool").error("nobody asked");`;
  assert.equal(await said(speak), "");
  assert.match(await said(`log.configureLogging(); ${speak}`), /nobody asked/);
});

Deno.test("warnVisibly() writes to standard error while nobody has configured the log", async () => {
  const speak = `log.warnVisibly("server", "a flag is missing");`;
  assert.equal(await said(speak), "snakeden: warning: a flag is missing\n");
  assert.match(
    await said(`log.configureLogging(); ${speak}`),
    /WARN {2}server {2}a flag is missing/,
  );
  assert.equal(await said(`log.configureLogging({ level: "error" }); ${speak}`), "");
});

Deno.test("configureLogging() writes one line with time, level, category, message and the other properties", async () => {
  const text = await logged({}, () => {
    getLogger("pool").info("{worker} is ready", {
      worker: "default-1",
      pid: 12,
      reason: "two words",
    });
  });
  assert.match(
    text,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO {2}pool {2}default-1 is ready pid=12 reason="two words"\n$/,
  );
});

Deno.test("configureLogging() omits entries below the level", async () => {
  const text = await logged({ level: "warning" }, () => {
    getLogger("pool").info("low");
    getLogger("pool").warn("high");
  });
  assert.match(text, /^\S+ WARN {2}pool {2}high\n$/);
});

Deno.test("configureLogging() keeps an entry on one line and control characters out of the terminal", async () => {
  const text = await logged({}, () =>
    getLogger("worker").info("{line}", {
      line: "a\nb \u001b[31mred {brace} ü",
      worker: "default-1",
    }));
  assert.equal(text.split("\n").length, 2);
  assert.match(text, /worker {2}a\\nb \\u001b\[31mred \{brace\} ü worker=default-1\n$/);
});

Deno.test("configureLogging() shows the stack of an error in a property", async () => {
  const text = await logged(
    {},
    () => getLogger("http").error("failed", { error: new TypeError("why") }),
  );
  assert.match(text, /error="TypeError: why\\n {4}at /);
});

Deno.test("configureLogging() writes JSON lines that can be parsed, whatever the properties hold", async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const text = await logged({ format: "json" }, () => {
    getLogger("http").info("a {n}", { n: 1n, level: "mine", error: new Error("x") });
    getLogger("http").info("b", { circular });
  });
  const [first = "", second = ""] = text.trimEnd().split("\n");
  const entry = JSON.parse(first);
  assert.equal(entry.message, "a 1");
  assert.equal(entry.level, "info");
  assert.equal(entry.level_, "mine");
  assert.equal(entry.category, "http");
  assert.equal(entry.error.message, "x");
  assert.match(JSON.parse(second), /cannot be shown/);
});

Deno.test("configureLogging() does not throw if nobody reads the stream", async () => {
  const closed = {
    write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
    writeSync(): number {
      throw new Deno.errors.BrokenPipe("gone");
    },
  };
  const log = configureLogging({ stream: closed });
  getLogger("pool").error("into the void");
  assert.ok(await log.flush(30_000));
  resetSync();
  assert.equal(writeWhole(closed, "text"), false);
});

Deno.test("configureLogging() drops lines of workers before those of the host, and reports their number", async () => {
  const stuck = new StuckStream();
  const log = configureLogging({ stream: stuck });
  const line = "x".repeat(1_000);
  getLogger("pool").info("the first");
  await stuck.begun;
  for (let i = 0; i < 10_000; i++) getLogger("worker").info("{line}", { line });
  getLogger("pool").warn("the host goes on");
  getLogger("worker").error("a worker fails");
  assert.equal(await log.flush(1), false);
  stuck.release();
  assert.ok(await log.flush(30_000));
  resetSync();
  const written = stuck.text.split("\n");
  const [, dropped] = /WARN {2}log {2}lines were dropped.* dropped=(\d+)$/m.exec(stuck.text) ?? [];
  assert.equal(written.filter((it) => it.includes(line)).length + Number(dropped), 10_000);
  assert.match(stuck.text, /the host goes on\n/);
  assert.match(stuck.text, /a worker fails\n/);
});

Deno.test("writeWhole() gives up on a stream that accepts nothing", () => {
  assert.equal(writeWhole({ writeSync: () => 0 }, "text"), false);
});

Deno.test("configureLogging() writes waiting lines before another stream replaces the first", () => {
  const [first, second] = [new Sink(), new Sink()];
  try {
    configureLogging({ stream: first });
    getLogger("pool").info("before");
    configureLogging({ stream: second });
    assert.match(first.text, /before/);
    assert.equal(second.text, "");
  } finally {
    resetSync();
  }
});

Deno.test("configureLogging() takes a level for single categories", async () => {
  const text = await logged({ level: "warning", levels: { worker: "info", http: "error" } }, () => {
    getLogger("pool").info("low");
    getLogger("pool").warn("high");
    getLogger("worker").debug("lower");
    getLogger("worker").info("a print");
    getLogger("worker").warn("once");
    getLogger("http").warn("a request");
  });
  assert.deepEqual(text.split("\n").map((line) => line.replace(/^\S+ /, "")), [
    "WARN  pool  high",
    "INFO  worker  a print",
    "WARN  worker  once",
    "",
  ]);
});

Deno.test("configureLogging() passes entries to the logger of the program, and writes none itself", async () => {
  const entries: LogEntry[] = [];
  const text = await logged({ onEntry: (entry) => entries.push(entry) }, () => {
    getLogger("pool").debug("too low");
    getLogger("pool").warn("{worker} died", { worker: "default-1", pid: 12 });
  });
  assert.equal(text, "");
  const [entry, ...more] = entries;
  assert.deepEqual(more, []);
  assert.ok(entry?.time instanceof Date);
  assert.deepEqual({ ...entry, time: 0 }, {
    time: 0,
    level: "warning",
    category: "pool",
    message: "default-1 died",
    properties: { worker: "default-1", pid: 12 },
  });
});

Deno.test("configureLogging() leaves a configuration of LogTape alone that the program has made", () => {
  const entries: unknown[] = [];
  assert.ok(!isLoggingConfigured());
  configureSync({
    sinks: { own: (record) => entries.push(record.rawMessage) },
    loggers: [
      { category: ["my-app"], sinks: ["own"] },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    assert.ok(isLoggingConfigured());
    assert.throws(() => configureLogging(), {
      code: "config_invalid",
      message: /has configured LogTape itself; add a logger for the category "snakeden"/,
    });
  } finally {
    resetSync();
  }
});

Deno.test("isEnabled() asks the logger, and takes one for enabled that cannot tell", () => {
  assert.equal(isEnabled(getLogger("pool"), "error"), false);
  configureLogging({ level: "warning", stream: new Sink() });
  try {
    assert.equal(isEnabled(getLogger("pool"), "error"), true);
    assert.equal(isEnabled(getLogger("pool"), "info"), false);
  } finally {
    resetSync();
  }
  // A logger of LogTape 1, whose loggers a newer copy uses if a program has loaded it first.
  const old: Partial<Logger> = { category: ["snakeden"] };
  assert.equal(isEnabled(old as Logger, "info"), true);
});
