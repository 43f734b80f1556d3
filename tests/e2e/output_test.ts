import assert from "node:assert/strict";
import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { type Snakeden, WorkerCrashedError } from "../../mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** A capture of what workers write into the log of this process. */
class LogCapture implements Disposable {
  readonly records: LogRecord[] = [];

  constructor() {
    configureSync({
      reset: true,
      sinks: { test: (record) => void this.records.push(record) },
      loggers: [
        { category: ["snakeden", "worker"], sinks: ["test"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
  }

  get lines(): unknown[] {
    return this.records.map(({ properties }) => properties["line"] ?? properties["text"]);
  }

  /** Waits for a line, and returns the call that it belongs to. */
  async callOf(line: string): Promise<unknown> {
    await until(() => this.lines.includes(line), `the line ${line}`);
    return this.records[this.lines.indexOf(line)]?.properties["callId"];
  }

  [Symbol.dispose](): void {
    resetSync();
  }
}

async function crash(den: Snakeden, args: Record<string, unknown>): Promise<WorkerCrashedError> {
  const error = await den.execute("die", args).catch((error: unknown) => error);
  assert.ok(error instanceof WorkerCrashedError, String(error));
  return error;
}

const PRINTS = { adapter: "prints", size: 1, poisonMs: 0, taintAfter: 0 } as const;
const WAYS = ["print", "part", "stderr", "bytes", "descriptor", "child", "thread"];

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`worker_crashed never shows what earlier calls have printed, over ${carrier}`, async () => {
    await using den = await startDen({ ...PRINTS, carrier });
    for (const way of WAYS) {
      await den.execute("say", { text: `secret by ${way}`, way });
      const error = await crash(den, { text: "my last words" });
      assert.deepEqual(error.exit.lastOutput, ["my last words"], way);
      assert.match(error.message, /last output: my last words$/);
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /secret/);
    }
  });
}

Deno.test("worker_crashed never shows the output of calls that were sent before it", async () => {
  await using den = await startDen({ ...PRINTS, pipelineBudgetMs: 1_000 });
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 20; i++) await den.execute("say", { text: "warm" });
    const others = WAYS.map((way) => den.execute("say", { text: "secret", way }));
    const error = await crash(den, round % 2 === 0 ? {} : { text: "mine" });
    assert.deepEqual(error.exit.lastOutput, round % 2 === 0 ? [] : ["mine"]);
    await Promise.all(others);
  }
});

Deno.test("worker_crashed shows all output of its call, however it was written", async () => {
  await using den = await startDen({ ...PRINTS });
  for (const way of ["print", "part", "stderr", "bytes", "descriptor", "child"]) {
    const error = await crash(den, { text: "my last words", way });
    assert.deepEqual(error.exit.lastOutput, ["my last words"], way);
  }
});

Deno.test("worker_crashed shows the dump of the interpreter even if its call printed nothing", async () => {
  await using den = await startDen({ ...PRINTS });
  await den.execute("say", { text: "secret" });
  const error = await crash(den, { abort: true });
  assert.equal(error.exit.lastOutput[0], "Fatal Python error: Aborted");
  assert.match(error.exit.lastOutput.join("\n"), /prints\.py", line \d+ in die/);
  assert.doesNotMatch(error.message, /secret/);
});

Deno.test("print() without a line end makes its own log entry, with the call that printed it", async () => {
  using log = new LogCapture();
  await using den = await startDen({ ...PRINTS });
  await den.execute("say", { text: "first", way: "part" });
  // At the end of the call, not with the next output.
  const first = await log.callOf("first");
  await den.execute("say", { text: "second", way: "part" });
  await den.execute("say", { text: "third", way: "bytes" });
  const others = [await log.callOf("second"), await log.callOf("third")];
  assert.equal(new Set([first, ...others]).size, 3, "each has its own call");
  assert.ok([first, ...others].every((it) => typeof it === "string"));
});

Deno.test("print() works in each call, regardless of what earlier calls did to the streams", async () => {
  using log = new LogCapture();
  await using den = await startDen({ ...PRINTS });
  const ways = await den.execute<string[]>("vandals");
  const pid = den.workers.list()[0]?.pid;
  for (const way of ways) {
    await den.execute("vandalize", { way }).catch(() => {});
    for (const by of ["print", "stderr", "bytes"]) {
      const text = `${by} after ${way}: ✓`;
      await den.execute("say", { text, way: by });
      await log.callOf(text);
    }
  }
  assert.equal(den.workers.list()[0]?.pid, pid);
});

Deno.test("logging.disable() of a call ends soon after the call", async () => {
  using log = new LogCapture();
  await using den = await startDen({ ...PRINTS });
  await den.execute("disable_logging");
  await until(async () => {
    await den.execute("log", { text: "heard" });
    return log.lines.includes("heard");
  }, "an entry");
});

Deno.test("print() without end neither fills the log nor delays the host", async () => {
  using log = new LogCapture();
  await using den = await startDen({ ...PRINTS });
  let done = false;
  const flooding = den.execute("flood", { lines: 100_000 }).finally(() => done = true);
  let turns = 0;
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    turns++;
  }
  assert.equal(await flooding, 100_000);
  // A host that read and logged everything at once would have had few turns.
  assert.ok(turns > 100, `${turns} turns`);
  const count = (): number => {
    const printed = log.records.filter((it) => "line" in it.properties).length;
    const leftOut = log.records.map((it) => Number(it.properties["lines"] ?? 0));
    return printed + leftOut.reduce((sum, it) => sum + it, 0);
  };
  await until(() => count() === 100_000, "all lines to be accounted for");
  assert.ok(log.records.length < 30_000);
});

for (const profile of ["thread", "async"] as const) {
  Deno.test(`a line that threads of a tool have begun belongs to its call, and is not lost (${profile})`, async () => {
    using log = new LogCapture();
    await using den = await startDen({ adapter: "begins_lines", size: 1, profile });
    await den.execute("begin", { texts: ["one", "two"] });
    const call = await log.callOf("one");
    assert.equal(typeof call, "string");
    assert.equal(await log.callOf("two"), call);
    // By the same threads, one after the other.
    await den.execute("begin", { texts: ["three", "four"] });
    assert.notEqual(await log.callOf("three"), call);
    await den.execute("leave", { text: "left" });
    await den.stop();
    assert.equal(await log.callOf("left"), undefined);
  });
}
