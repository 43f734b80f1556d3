import assert from "node:assert/strict";
import { UnreadAnswers } from "../../../../src/routes/http/answers/unread_answers.ts";
import { until } from "../../../fixtures/until.ts";

const LIMITS = { maxUnreadBytes: 500_000, maxResultBytes: 300_000, answerTimeoutMs: 0 };

function part(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(1_000)).reduce(
    (all, byte, i) => all.fill(byte, i * length / 1_000, (i + 1) * length / 1_000),
    new Uint8Array(length),
  );
}

Deno.test("UnreadAnswers.body() sends all parts, and counts nothing afterwards", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const parts = [part(10), part(200_000), part(65_536), part(1)];
  for (let i = 0; i < 5; i++) {
    const bytes = await new Response(answers.body(parts)).bytes();
    assert.ok(Buffer.concat(parts).equals(bytes));
  }
});

Deno.test("UnreadAnswers.body() refuses a response over the sum, until another is read or its reader leaves", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const first = answers.body([part(300_000)]);
  const second = answers.body([part(200_000)]);
  assert.throws(() => answers.body([part(1)]), { code: "server_busy", retryable: true });
  await first.cancel();
  const third = answers.body([part(300_000)]);
  assert.throws(() => answers.body([part(1)]), { code: "server_busy" });
  await new Response(second).bytes();
  await answers.body([part(1)]).cancel();
  await third.cancel();
});

Deno.test("UnreadAnswers.body() takes one response of maxResultBytes even if the sum allows less", async () => {
  const answers = new UnreadAnswers({ ...LIMITS, maxUnreadBytes: 1_000 });
  const bytes = await new Response(answers.body([part(300_000)])).bytes();
  assert.equal(bytes.byteLength, 300_000);
});

Deno.test("UnreadAnswers disconnects a reader that reads nothing in its time", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const reader = answers.body([part(300_000)]).getReader();
  assert.equal((await reader.read()).value?.byteLength, 65_536);
  answers.time.check();
  await assert.rejects(reader.read(), /Nobody reads the response/);
  // Its room is free again.
  await answers.body([part(500_000)]).cancel();
});

Deno.test("UnreadAnswers.body() makes room by disconnecting stalled readers", async () => {
  const answers = new UnreadAnswers(LIMITS);
  const stalled = answers.body([part(300_000)]).getReader();
  await stalled.read();
  const bytes = await until(async () => {
    try {
      return await new Response(answers.body([part(400_000)])).bytes();
    } catch {
      return undefined;
    }
  }, "room");
  assert.equal(bytes.byteLength, 400_000);
  await assert.rejects(stalled.read(), /Nobody reads the response/);
});

Deno.test("UnreadAnswers.hold() counts a response that is being made, until it is disposed", () => {
  const answers = new UnreadAnswers(LIMITS);
  {
    using _first = answers.hold(300_000);
    using _second = answers.hold(200_000);
    assert.throws(() => answers.hold(1), { code: "server_busy", retryable: true });
    assert.throws(() => answers.body([part(1)]), { code: "server_busy" });
  }
  using _third = answers.hold(500_000);
});

Deno.test("UnreadAnswers.take() makes no room for a reader that has ended", () => {
  const answers = new UnreadAnswers(LIMITS);
  const reader = { since: 0, unreadBytes: 0, onLate: () => {} };
  answers.add(reader, 300_000);
  answers.end(reader);
  answers.take(reader, 300_000);
  using _all = answers.hold(500_000);
  assert.throws(() => answers.hold(1), { code: "server_busy" });
});
