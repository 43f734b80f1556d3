import assert from "node:assert/strict";
import { LogWriter } from "../src/log_writer.ts";
import { StuckStream } from "./fixtures/stuck_stream.ts";

const NOTICE = (dropped: number): string => `dropped ${dropped}\n`;

Deno.test("LogWriter.write() gathers what comes while a write is under way, in order", async () => {
  const stream = new StuckStream();
  const writer = new LogWriter(stream, NOTICE);
  writer.write("0\n");
  await stream.begun;
  for (let i = 1; i < 1_000; i++) writer.write(`${i}\n`);
  assert.equal(stream.writes, 1);
  stream.release();
  assert.ok(await writer.flush(30_000));
  assert.equal(stream.text, Array.from({ length: 1_000 }, (_, i) => `${i}\n`).join(""));
  assert.equal(stream.writes, 2);
  assert.equal(stream.synchronous, 0);
});

Deno.test("LogWriter.write() keeps lines of its own when bulk is dropped, and tells of what was, in its place", async () => {
  const stream = new StuckStream();
  const writer = new LogWriter(stream, NOTICE, 40);
  writer.write("first\n");
  await stream.begun;
  for (let i = 0; i < 5; i++) writer.write(`bulk line ${i}\n`, "bulk");
  writer.write("own\n");
  stream.release();
  await writer.flush(30_000);
  assert.equal(stream.text, "first\nbulk line 0\ndropped 4\nown\n");
  for (let i = 0; i < 50; i++) writer.write("own too\n");
  await writer.flush(30_000);
  assert.match(stream.text, /(own too\n){5}dropped 45\n$/);
});

Deno.test("LogWriter.flush() is bounded", async () => {
  const stream = new StuckStream();
  const writer = new LogWriter(stream, NOTICE);
  assert.ok(await writer.flush(0));
  writer.write("line\n");
  assert.equal(await writer.flush(1), false);
  stream.release();
  assert.ok(await writer.flush(30_000));
});

Deno.test("LogWriter.finish() writes what waits at once", async () => {
  const stream = new StuckStream();
  const writer = new LogWriter(stream, NOTICE);
  writer.write("one\n");
  writer.write("two\n");
  writer.finish();
  assert.equal(stream.text, "one\ntwo\n");
  stream.release();
  await writer.flush(30_000);
  assert.equal(stream.text, "one\ntwo\n");
});

Deno.test("LogWriter.finish() does nothing when nothing waits", () => {
  const stream = new StuckStream();
  new LogWriter(stream, NOTICE).finish();
  assert.equal(stream.synchronous, 0);
});
