import assert from "node:assert/strict";
import { configureLogging, getLogger, type LoggingOptions, writeWhole } from "../src/log.ts";
import { resetSync } from "@logtape/logtape";

/** Everything that `work` logs. */
function logged(options: LoggingOptions, work: () => void): string {
  let text = "";
  const decoder = new TextDecoder();
  const stream = {
    // Three bytes at a time, as a full pipe might.
    writeSync(bytes: Uint8Array): number {
      const part = bytes.subarray(0, 3);
      text += decoder.decode(part, { stream: true });
      return part.byteLength;
    },
  };
  configureLogging({ ...options, stream });
  try {
    work();
  } finally {
    resetSync();
  }
  return text;
}

Deno.test("getLogger() is silent until logging is configured", () => {
  getLogger("pool").error("nobody asked");
});

Deno.test("configureLogging() writes one line with time, level, category, message and the properties left", () => {
  const text = logged({}, () => {
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

Deno.test("configureLogging() leaves out what is below the level", () => {
  const text = logged({ level: "warning" }, () => {
    getLogger("pool").info("low");
    getLogger("pool").warn("high");
  });
  assert.match(text, /^\S+ WARN {2}pool {2}high\n$/);
});

Deno.test("configureLogging() keeps an entry on one line and control characters out of the terminal", () => {
  const text = logged({}, () =>
    getLogger("worker").info("{line}", {
      line: "a\nb \u001b[31mred {brace} ü",
      worker: "default-1",
    }));
  assert.equal(text.split("\n").length, 2);
  assert.match(text, /worker {2}a\\nb \\u001b\[31mred \{brace\} ü worker=default-1\n$/);
});

Deno.test("configureLogging() shows the stack of an error in a property", () => {
  const text = logged({}, () => getLogger("http").error("failed", { error: new TypeError("why") }));
  assert.match(text, /error="TypeError: why\\n {4}at /);
});

Deno.test("configureLogging() writes JSON lines that can be parsed, whatever the properties hold", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const text = logged({ format: "json" }, () => {
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

Deno.test("configureLogging() does not throw when nobody reads the stream", () => {
  const closed = {
    writeSync(): number {
      throw new Deno.errors.BrokenPipe("gone");
    },
  };
  configureLogging({ stream: closed });
  getLogger("pool").error("into the void");
  resetSync();
  assert.equal(writeWhole(closed, "text"), false);
});

Deno.test("writeWhole() gives up on a stream that takes nothing", () => {
  assert.equal(writeWhole({ writeSync: () => 0 }, "text"), false);
});
