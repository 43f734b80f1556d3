import assert from "node:assert/strict";
import { PythonError, type StreamEvent } from "../../mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

Deno.test("Snakeden.stream() yields the chunks of sync and async generators in order", async () => {
  await using den = await startDen({ adapter: "streams", size: 1 });
  for (const tool of ["numbers", "async_numbers"]) {
    const chunks = await Array.fromAsync(den.stream(tool, { n: 500 }));
    assert.equal(chunks.length, 500);
  }
});

Deno.test("Snakeden.stream() has the return value of a generator as its result", async () => {
  await using den = await startDen({ adapter: "streams", size: 1 });
  const stream = den.stream("returns_value", { n: 2 });
  assert.equal((await Array.fromAsync(stream)).length, 2);
  assert.notEqual(await stream.result, undefined);
});

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Snakeden.stream() over ${carrier} has a result without a reader, of more chunks than fit the window`, async () => {
    await using den = await startDen({ adapter: "streams", size: 1, carrier }, {
      limits: { streamWindowBytes: 65_536 },
    });
    const big = den.stream("numbers", { n: 200, size: 10_000 });
    assert.equal(await big.result, null);
    const late = den.stream("endless", {}, { timeoutMs: 300 });
    await assert.rejects(late.result, { code: "deadline_exceeded" });
    await until(async () => await den.execute("returns_value", { n: 0 }), "the worker serves");
  });
}

Deno.test("Snakeden.stream() yields the chunks before an exception, then throws it", async () => {
  await using den = await startDen({ adapter: "streams", size: 1 });
  const chunks: unknown[] = [];
  await assert.rejects(async () => {
    for await (const chunk of den.stream("fails_after", { n: 3 })) chunks.push(chunk);
  }, PythonError);
  assert.equal(chunks.length, 3);
});

Deno.test("Snakeden.stream() cancels the generator when the reader leaves the loop", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lines`;
  await using den = await startDen({ adapter: "appender", size: 1 });
  for await (const _chunk of den.stream("append_stream", { path })) break;
  await until(() => den.workers.list().find((it) => it.state === "ready"), "a ready worker");
  const { size } = await Deno.stat(path);
  await den.execute("append_forever", { path: "/does/not/exist" }).catch(() => {});
  assert.equal((await Deno.stat(path)).size, size);
  assert.equal(den.pools.list()[0]?.stats.cancelled, 1);
});

Deno.test("Snakeden.stream() makes the generator wait for a reader that pauses", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lines`;
  await using den = await startDen({ adapter: "appender" }, {
    limits: { streamWindowBytes: 4_096 },
  });
  const paused = den.stream("append_stream", { path }).events();
  await paused.next();
  const lines = async (): Promise<number> => (await Deno.readTextFile(path)).split("\n").length;
  // A second worker runs the same generator for a reader that does not pause: this is the clock.
  const read = den.stream("append_stream", { path: `${dir.path}/read` }).events();
  for (let i = 0; i < 2_000; i++) await read.next();
  const seen = await lines();
  // The window holds fewer than 4096 / 64 chunks. Each chunk is one line in the file.
  assert.ok(seen > 10 && seen < 100, `${seen} lines were written ahead of a reader that pauses`);
  await Promise.all([paused.return(), read.return()]);
});

Deno.test("Snakeden.stream() reports progress while profile_csv runs", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/rows.csv`;
  const rows = Array.from({ length: 50_000 }, (_, i) => `${i},${i / 2},name ${i}`);
  await Deno.writeTextFile(path, `id,half,name\n${rows.join("\n")}\n`);
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  const events: StreamEvent[] = await Array.fromAsync(den.stream("profile_csv", { path }).events());
  assert.ok(events.filter((it) => it.type === "progress").length >= 2);
  const done = events.at(-1);
  assert.equal(done?.type, "done");
  const profile = done?.value.decode() as {
    rows: number;
    columns: { name: string; mean: number }[];
  };
  assert.equal(profile.rows, 50_000);
  assert.deepEqual(profile.columns.map((it) => it.name), ["id", "half", "name"]);
  assert.equal(profile.columns[0]?.mean, 24_999.5);
});
