import assert from "node:assert/strict";
import type { StreamEvent } from "../../../../src/pool/mod.ts";
import { chunk, done } from "../../memory_engine.ts";
import { EventFeed, eventWriter, KeptStreams } from "../../../../src/routes/calls/events/mod.ts";
import type { KeptStream, StreamReader } from "../../../../src/routes/calls/events/kept_stream.ts";
import { problemOf, UnreadAnswers } from "../../../../src/routes/http/mod.ts";
import { until } from "../../../fixtures/until.ts";

const LIMITS = {
  maxUnreadBytes: 100_000,
  maxResultBytes: 1_000,
  answerTimeoutMs: 1_000,
  streamResumeMs: 60_000,
  streamReplayBytes: 40_000,
};

async function* chunks(count: number): AsyncGenerator<StreamEvent> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(chunk("x".repeat(1_000)));
  yield done(null);
}

function begin(streams: KeptStreams, id: string, events: AsyncIterable<StreamEvent>): KeptStream {
  const leaving = new AbortController();
  const feed = new EventFeed({
    events,
    writer: eventWriter("text/event-stream", id),
    values: { isLarge: () => false, inline: (value) => Promise.resolve(value) },
    signal: leaving.signal,
    problemOf: (error) => problemOf(error, "r"),
    cancel: () => leaving.abort(),
  });
  const stream = streams.add(feed, { id, owner: "", room: streams.reserve() });
  stream.start();
  return stream;
}

async function readAll(stream: KeptStream, after = 0): Promise<string> {
  const reader: StreamReader = { onReplaced: () => {}, onGone: () => {} };
  assert.ok(stream.reaches(after));
  stream.attach(reader, after);
  let text = "";
  while (true) {
    const parts = await stream.read(reader, 10_000);
    if (parts === undefined) break;
    assert.notEqual(parts, "silent");
    for (const part of parts) text += new TextDecoder().decode(part as Uint8Array<ArrayBuffer>);
  }
  stream.detach(reader);
  return text;
}

Deno.test("KeptStreams drops what was sent of older streams before it refuses more", async () => {
  const answers = new UnreadAnswers(LIMITS);
  using streams = new KeptStreams(LIMITS, answers);
  const old = begin(streams, "old", chunks(30));
  await readAll(old);
  assert.ok(streams.bytes > 30_000);
  const text = await readAll(begin(streams, "young", chunks(30)));
  assert.equal(text.match(/event: chunk/g)?.length, 30);
  assert.match(text, /event: done/);
  assert.ok(streams.bytes <= LIMITS.maxUnreadBytes / 2);
  assert.equal(streams.find("old", ""), undefined);
});

Deno.test("KeptStreams fails a stream that finds no room, and names what it has delivered", async () => {
  const answers = new UnreadAnswers(LIMITS);
  using streams = new KeptStreams(LIMITS, answers);
  // Nobody has read it, so nothing of it may be dropped.
  begin(streams, "unread", chunks(36));
  await until(() => streams.bytes > 35_000, "the first stream is kept");
  const text = await readAll(begin(streams, "late", chunks(200)));
  assert.match(text, /event: failed/);
  assert.match(text, /"code":"server_busy"/);
  const delivered = text.match(/event: chunk/g)?.length ?? 0;
  assert.match(text, new RegExp(`"chunks":${delivered}\\b`));
  assert.ok(streams.bytes <= LIMITS.maxUnreadBytes / 2);
});

Deno.test("KeptStreams gives all room back when it is disposed", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const streams = new KeptStreams(LIMITS, answers);
  begin(streams, "a", chunks(20));
  const b = begin(streams, "b", chunks(10));
  await readAll(b);
  streams[Symbol.dispose]();
  assert.equal(streams.bytes, 0);
  assert.equal(streams.size, 0);
  // The room of all responses is free again.
  answers.hold(LIMITS.maxUnreadBytes)[Symbol.dispose]();
});
