import assert from "node:assert/strict";
import { type LogStream, LogWriter, writeWhole } from "../src/log_writer.ts";
import { StuckStream } from "./fixtures/fakes/stuck_stream.ts";

const NOTICE = (dropped: number): string => `dropped ${dropped}\n`;

Deno.test("LogWriter.write() gathers lines while a write is under way, in order", async () => {
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

Deno.test("LogWriter.write() keeps the host's own lines and drops bulk, whose number it reports in its place", async () => {
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

Deno.test("LogWriter.finish() writes waiting lines at once", async () => {
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

/**
 * A pipe that answers that it would block, instead of waiting: it takes a few bytes now and then.
 */
class FullStream implements LogStream {
  text = "";
  #attempts = 0;

  async write(bytes: Uint8Array): Promise<number> {
    await Promise.resolve();
    return this.writeSync(bytes);
  }

  writeSync(bytes: Uint8Array): number {
    if (++this.#attempts % 3 !== 0) throw new Deno.errors.WouldBlock("it is full");
    const taken = bytes.subarray(0, 10);
    this.text += new TextDecoder().decode(taken);
    return taken.byteLength;
  }
}

Deno.test("LogWriter waits for a full stream that does not block, and loses nothing", async () => {
  const stream = new FullStream();
  const writer = new LogWriter(stream, NOTICE);
  const lines = Array.from({ length: 10 }, (_, i) => `line ${i}\n`);
  for (const line of lines) writer.write(line);
  assert.ok(await writer.flush(30_000));
  assert.equal(stream.text, lines.join(""));
});

Deno.test("writeWhole() waits a bounded time for a full stream that does not block", () => {
  const stream = new FullStream();
  assert.ok(writeWhole(stream, "a line that is longer than ten bytes\n"));
  assert.equal(stream.text, "a line that is longer than ten bytes\n");
  const full = {
    writeSync: (): number => {
      throw new Deno.errors.WouldBlock("it is full");
    },
  };
  assert.equal(writeWhole(full, "line\n"), false);
});
