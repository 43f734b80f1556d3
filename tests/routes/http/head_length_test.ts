import assert from "node:assert/strict";
import { announceLength } from "../../../src/routes/http/mod.ts";

Deno.test("announceLength() makes no body whose length is known, nor events", async () => {
  for (const headers of [{ "content-length": "9" }, { "content-type": "text/event-stream" }]) {
    let isCancelled = false;
    const body = new ReadableStream({
      pull: () => assert.fail("the body was made"),
      cancel: () => void (isCancelled = true),
    }, { highWaterMark: 0 });
    const answer = new Response(body, { headers });
    await announceLength(answer);
    assert.ok(isCancelled);
    assert.equal(answer.headers.get("content-length"), headers["content-length"] ?? null);
  }
});

Deno.test("announceLength() measures a body whose length is unknown", async () => {
  const answer = new Response("four");
  await announceLength(answer);
  assert.equal(answer.headers.get("content-length"), "4");
});
