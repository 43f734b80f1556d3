/** The logs of jobs, with real workers over both carriers; docs/job_logs.md shows one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobInput, LogLine, Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const CARRIERS: readonly CarrierKind[] = ["socket", "grpc"];
const QUICK = { minMs: 10, maxMs: 20 } as const;

type Options = Parameters<typeof startDen>;

function start(pool: Options[0] = {}, options: Options[1] = {}): Promise<Snakeden> {
  return startDen({ adapter: "writes_logs", size: 1, taintAfter: 0, ...pool }, {
    ...options,
    jobs: { retry: QUICK, ...options.jobs },
  });
}

/** Returns the lines of a job that has ended, as they are then. */
async function logOf(den: Snakeden, input: JobInput): Promise<LogLine[]> {
  const job = await den.jobs.submit(input);
  await job.done({ timeoutMs: 60_000 });
  return await Array.fromAsync(job.logs({ follow: false }));
}

function shown({ run, source, text }: LogLine): string {
  return `${run} ${source} ${text.replace(/default-\d+/, "W")}`;
}

function numbersOf(lines: readonly LogLine[]): number[] {
  return lines.map(({ n }) => n);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

for (const carrier of CARRIERS) {
  Deno.test(`a job's log has all that its tool writes, however it does, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    // At once behind another job, where no mark would be made at the start.
    for (let round = 0; round < 2; round++) {
      const lines = await logOf(den, { tool: "write_all" });
      assert.deepEqual(numbersOf(lines), upTo(lines.length));
      const of = (source: string): string[] =>
        lines.filter((it) => it.source === source).map(({ text }) => text);
      assert.match(of("host").join("\n"), /^attempt 1 of 3 started in the worker default-1$/);
      const [long, ...short] = [...of("stdout").filter((it) => it.length > 100)];
      assert.deepEqual(short, []);
      assert.match(long ?? "", /^x+ … \d+ characters left out … x+$/);
      assert.deepEqual(of("stdout").filter((it) => it !== long), [
        ...["print", "descriptor", "child", "thread", "fork", "\ufffd\ufffd\0 garbage", "part"],
      ]);
      assert.deepEqual(of("stderr"), ["stderr", "descriptor of stderr", "child of stderr"]);
      assert.deepEqual(
        lines.filter(({ source }) => source === "log").map(({ level, logger, text }) =>
          `${level} ${logger} ${text}`
        ),
        ["warning app logging 1", "warning root thread log"],
      );
    }
  });

  Deno.test(`output past Python is in the log of the job that wrote it, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const jobs = await Promise.all(
      upTo(20).map((i) => den.jobs.submit({ tool: "write_natively", args: { text: `text ${i}` } })),
    );
    for (const [i, job] of jobs.entries()) {
      await job.done();
      const lines = await Array.fromAsync(job.logs());
      assert.deepEqual(lines.map(shown), [
        "1 host attempt 1 of 3 started in the worker W",
        `1 stdout text ${i + 1}`,
      ]);
    }
  });

  for (const how of ["raise", "exit", "abort"]) {
    Deno.test(`a job that ends by ${how} keeps its last words, and its retry follows, over ${carrier}`, async () => {
      await using dir = await tempDir();
      await using den = await start({ carrier });
      const args = { how, marker: join(dir.path, "marker") };
      const lines = await logOf(den, { tool: "write_and_end", args });
      const texts = lines.map(shown);
      const code = how === "raise" ? "python_exception" : "worker_crashed";
      assert.equal(texts[0], "1 host attempt 1 of 3 started in the worker W");
      // The two pipes have no order between them.
      assert.deepEqual(texts.filter((it) => it.startsWith("1 stdout")), ["1 stdout last words"]);
      assert.deepEqual(texts.slice(-2), [
        "2 host attempt 2 of 3 started in the worker W",
        "2 stdout last words",
      ]);
      const failed = texts.at(-3) ?? "";
      assert.match(
        failed,
        new RegExp(`^1 host attempt 1 of 3 failed with ${code}, and the next one follows in`),
      );
      const between = texts.slice(1, -3).filter((it) => it.startsWith("1 stderr"));
      if (how === "raise") assert.deepEqual(between, []);
      if (how === "exit") assert.deepEqual(between, ["1 stderr going"]);
      if (how === "abort") assert.match(between.join("\n"), /1 stderr Fatal Python error: Aborted/);
      assert.deepEqual(numbersOf(lines), upTo(lines.length));
    });
  }

  Deno.test(`a log is followed while its job runs, until it is cancelled, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const job = await den.jobs.submit({ tool: "write_slowly", args: { seconds: 60 } });
    const lines: LogLine[] = [];
    const following = (async () => {
      for await (const line of job.logs()) lines.push(line);
    })();
    await until(() => lines.length > 20, "lines");
    await job.cancel();
    await following;
    assert.deepEqual(numbersOf(lines), upTo(lines.length));
    assert.equal(lines.at(-1)?.text, "attempt 1 of 3 was cancelled");
    assert.deepEqual(await Array.fromAsync(job.logs()), lines);
    for (const after of [0, 1, 7, lines.length]) {
      assert.deepEqual(await Array.fromAsync(job.logs({ after })), lines.slice(after));
    }
    assert.deepEqual(await Array.fromAsync(job.logs({ tail: 3 })), lines.slice(-3));
    assert.equal((await job.refresh()).state, "cancelled");
  });

  Deno.test(`the lines of a worker that is killed are in the log, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const job = await den.jobs.submit({
      tool: "write_slowly",
      args: { seconds: 60 },
      maxAttempts: 1,
    });
    let seen = 0;
    for await (const { text } of job.logs()) {
      if (++seen === 10) {
        const [worker] = den.workers.list();
        assert.ok(worker?.pid !== undefined);
        signalPid(worker.pid, "SIGKILL");
      }
      if (text.includes("failed")) {
        assert.match(
          text,
          /^attempt 1 of 1 failed with worker_crashed, and no further one follows/,
        );
      }
    }
    assert.equal((await job.refresh()).state, "discarded");
    const lines = await Array.fromAsync(job.logs());
    assert.deepEqual(numbersOf(lines), upTo(lines.length));
    const steps = lines.filter(({ source }) => source === "stdout").map(({ text }) => text);
    assert.deepEqual(steps, steps.map((_, i) => `step ${i}`));
  });

  for (const by of ["print", "logging"]) {
    Deno.test(`no line is missing of 30,000 by ${by}, though the log of the host is bounded, over ${carrier}`, async () => {
      await using den = await start({ carrier });
      const count = 30_000;
      const lines = await logOf(den, { tool: "write_lines", args: { count, by } });
      assert.equal(lines[0]?.source, "host");
      assert.deepEqual(
        lines.slice(1).map(({ text }) => text),
        Array.from({ length: count }, (_, i) => `line ${i}`),
      );
    });
  }
}

Deno.test("a log keeps its first bytes, and says how many lines were left out", async () => {
  await using den = await start({}, { jobs: { maxLogBytes: 10_000 } });
  const lines = await logOf(den, { tool: "write_lines", args: { count: 5_000 } });
  const kept = lines.length - 2;
  assert.ok(kept > 50 && kept < 500, String(kept));
  assert.equal(lines.at(-2)?.text, `line ${kept - 1}`);
  assert.equal(
    lines.at(-1)?.text,
    `${5_000 - kept} further lines were left out: the log of a job keeps 10000 bytes ` +
      "(jobs.maxLogBytes)",
  );
});

Deno.test("a job that writes nothing has no log, and no log is kept where it may have 0 bytes", async () => {
  await using den = await start();
  for (let i = 0; i < 3; i++) assert.deepEqual(await logOf(den, { tool: "nothing" }), []);
  await using none = await start({}, { jobs: { maxLogBytes: 0 } });
  assert.deepEqual(await logOf(none, { tool: "write_lines", args: { count: 3 } }), []);
});

Deno.test("lines of a job are cut at jobs.maxLogLineChars", async () => {
  await using den = await start({}, { jobs: { maxLogLineChars: 100 } });
  const lines = await logOf(den, { tool: "write_all" });
  const cut = lines.filter(({ text }) => text.includes("characters left out"));
  assert.equal(cut.length, 1);
  assert.ok((cut[0]?.text.length ?? 0) < 150);
});
