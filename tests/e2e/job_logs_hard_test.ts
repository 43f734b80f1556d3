/** Output that is hard to keep in the logs of jobs, with real workers over both carriers. */
import assert from "node:assert/strict";
import type { JobInput, LogLine, Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen } from "../fixtures/host.ts";

const CARRIERS: readonly CarrierKind[] = ["socket", "grpc"];

type Options = Parameters<typeof startDen>;

function start(pool: Options[0] = {}, options: Options[1] = {}): Promise<Snakeden> {
  return startDen({ adapter: "writes_hard_logs", size: 1, taintAfter: 0, ...pool }, options);
}

/** Returns the lines of a job that has ended, without those of the host. */
async function logOf(den: Snakeden, input: JobInput): Promise<LogLine[]> {
  const job = await den.jobs.submit(input);
  await job.done({ timeoutMs: 60_000 });
  const lines = await Array.fromAsync(job.logs({ follow: false }));
  assert.deepEqual(lines.map(({ n }) => n), lines.map((_, i) => i + 1));
  return lines.filter(({ source }) => source !== "host");
}

for (const carrier of CARRIERS) {
  Deno.test(`a long line says how many of its characters were left out, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    for (const by of ["print", "logging"]) {
      for (const chars of [8_192, 8_193, 20_000, 1_000_000]) {
        const [line, ...more] = await logOf(den, { tool: "write_long", args: { chars, by } });
        assert.deepEqual(more, []);
        const [head = "", count = "0", tail = ""] = line?.text.split(
          / … (\d+) characters left out … /,
        ) ?? [];
        assert.match(head + tail, /^x+$/);
        assert.equal(head.length + Number(count) + tail.length, chars, by);
        assert.equal(head.length + tail.length, Math.min(chars, 8_192));
      }
    }
  });

  Deno.test(`a time that no date has spoils no log, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const before = Date.now();
    for (const created of [NaN, Infinity, 1e20, -1e305]) {
      const lines = await logOf(den, { tool: "write_at", args: { created } });
      assert.deepEqual(lines.map(({ text }) => text).toSorted(), ["behind", "odd time"]);
      for (const { at } of lines) assert.ok(Date.parse(at) >= before - 1_000, at);
    }
  });

  Deno.test(`characters that UTF-8 lacks, and long lines of pairs, arrive whole, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const lines = await logOf(den, { tool: "write_surrogates" });
    const texts = lines.map(({ source, text }) => `${source} ${text}`);
    assert.ok(texts.every((it) => it.isWellFormed()));
    const [snakes, ...more] = texts.filter((it) => it.includes("\u{1f40d}"));
    assert.match(snakes ?? "", /^stdout \u{1f40d}+ … 31808 characters left out … \u{1f40d}+$/u);
    assert.deepEqual(more, []);
    assert.deepEqual(texts.filter((it) => it !== snakes).toSorted(), [
      "log lone ? surrogate",
      "stdout lone \\ud800 surrogate",
      "stdout nul \0 \x1b[31m red \x1e mark",
    ]);
  });

  Deno.test(`a bar that is drawn again and again is one line, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    const [bar, ...more] = await logOf(den, { tool: "write_bar", args: { steps: 500 } });
    assert.deepEqual(more, []);
    assert.equal(bar?.source, "stderr");
    assert.match(bar?.text ?? "", /^\r {5}0\/500 .* characters left out .* 500\/500 \[#{20}\]$/s);
  });

  for (const left of ["fork", "thread"]) {
    Deno.test(`a ${left} that outlives its call takes no line from later jobs, and gives none, over ${carrier}`, async () => {
      await using den = await start({ carrier });
      const before = await logOf(den, { tool: `leave_${left}`, args: { seconds: 120 } });
      assert.ok(before.every(({ text }) => text === `of the ${left}`));
      for (let round = 0; round < 3; round++) {
        const args = { count: 200, name: `round ${round}` };
        const lines = await logOf(den, { tool: "write_steadily", args });
        assert.deepEqual(
          lines.map(({ text }) => text),
          Array.from({ length: 200 }, (_, i) => `round ${round} ${i}`),
        );
      }
    });
  }

  Deno.test(`native output of a slow call is kept although its tool was quick before, over ${carrier}`, async () => {
    await using den = await start({ carrier });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5; i++) {
        assert.deepEqual(await logOf(den, { tool: "write_later", args: { seconds: 0 } }), []);
      }
      const lines = await logOf(den, { tool: "write_later", args: { seconds: 0.1 } });
      assert.deepEqual(lines.map(({ text }) => text), ["native", "child"]);
    }
  });
}
