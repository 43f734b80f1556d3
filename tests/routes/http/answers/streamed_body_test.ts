import assert from "node:assert/strict";
import { streamedBody, UnreadAnswers } from "../../../../src/routes/http/answers/mod.ts";
import { until } from "../../../fixtures/until.ts";

/** Room for one body that waits for its client. */
const LIMITS = { maxUnreadBytes: 500_000, maxResultBytes: 300_000, answerTimeoutMs: 0 };

interface Body {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** The chunks that were read from its source. */
  readonly pulled: () => number;
  readonly isCancelled: () => boolean;
}

/** Begins a body of three chunks. */
function begin(answers: UnreadAnswers): Body {
  let pulled = 0;
  let isCancelled = false;
  const source = new ReadableStream<Uint8Array>({
    pull: (it) => {
      if (++pulled <= 3) it.enqueue(new Uint8Array(100_000));
      else it.close();
    },
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  const reader = streamedBody([source], answers).getReader();
  return { reader, pulled: () => pulled, isCancelled: () => isCancelled };
}

/** Reads a body to its end; returns its length. */
async function restOf({ reader }: Body): Promise<number> {
  let bytes = 0;
  for (let it = await reader.read(); !it.done; it = await reader.read()) bytes += it.value.length;
  return bytes;
}

Deno.test("streamedBody() reads its source only while it has room, and counts nothing afterwards", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const first = begin(answers);
  await first.reader.read();
  const second = begin(answers);
  const reading = restOf(second);
  // The first body reads on within a second, so it keeps its room.
  assert.equal(await first.reader.read().then(({ value }) => value?.length), 100_000);
  assert.equal(second.pulled(), 0);
  assert.equal(await restOf(first), 100_000);
  assert.equal(await reading, 300_000);
  assert.ok(answers.time.isEmpty);
  await answers.body([new Uint8Array(500_000)]).cancel();
});

Deno.test("streamedBody() takes the room of a client that reads nothing", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const stalled = begin(answers);
  await stalled.reader.read();
  assert.equal(await restOf(begin(answers)), 300_000);
  await assert.rejects(stalled.reader.read(), /Nobody reads the response/);
  assert.ok(stalled.isCancelled());
  assert.ok(answers.time.isEmpty);
});

Deno.test("streamedBody() waits no longer for room when its client leaves", async () => {
  const answers = new UnreadAnswers(LIMITS);
  using _room = answers.hold(500_000);
  const body = begin(answers);
  const reading = body.reader.read();
  await body.reader.cancel();
  assert.equal((await reading).done, true);
  await until(() => body.isCancelled(), "the source is cancelled");
  assert.equal(body.pulled(), 0);
  assert.ok(answers.time.isEmpty);
});

Deno.test("streamedBody() frees large chunks that the runtime has, and no memory that others share", async () => {
  for (const freesSent of [true, false]) {
    const answers = new UnreadAnswers(LIMITS, { freesSent });
    const large = new Uint8Array(100_000);
    const shared = new Uint8Array(200_000).subarray(100_000);
    const small = new Uint8Array(10);
    const chunks = [large, shared, small];
    const reader = streamedBody([ReadableStream.from(chunks)], answers).getReader();
    for (const chunk of chunks) {
      assert.equal((await reader.read()).value, chunk);
      assert.notEqual(chunk.byteLength, 0, "it is whole until the next one is asked for");
    }
    assert.equal((await reader.read()).done, true);
    assert.deepEqual(
      chunks.map(({ byteLength }) => byteLength),
      [freesSent ? 0 : 100_000, 100_000, 10],
    );
  }
});
