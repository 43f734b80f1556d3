import assert from "node:assert/strict";
import type { StreamEvent } from "../../../../src/pool/mod.ts";
import { createApp, Traffic } from "../../../../src/routes/mod.ts";
import { chunk, done, memoryEngine } from "../../memory_engine.ts";

const BODY = JSON.stringify({ tool: "counter", args: { text: "x".repeat(100_000) } });

Deno.test("POST /v1/stream gives all room back when the client leaves as the first event comes", async () => {
  const leaving = new AbortController();
  let ended = false;
  const engine = memoryEngine({
    config: { limits: { streamResumeMs: 60_000 } },
    events: async function* (): AsyncGenerator<StreamEvent> {
      try {
        leaving.abort();
        yield chunk(1);
        yield await Promise.resolve(done(null));
      } finally {
        ended = true;
      }
    },
  });
  const { limits } = engine.config;
  using traffic = new Traffic(limits);
  const app = createApp(engine, { version: "1", traffic });
  const headers = { "content-type": "application/json", host: "localhost" };
  const init = { method: "POST", headers, body: BODY, signal: leaving.signal };
  const answer = await app.request("http://localhost/v1/stream", init);
  assert.notEqual(answer.status, 200);
  assert.equal(ended, true);
  assert.equal(traffic.streams.size, 0);
  assert.equal(traffic.streams.bytes, 0);
  using small = traffic.arguments.hold(20_000);
  using rest = traffic.arguments.hold(limits.maxArgumentsBytes - 20_000);
  assert.ok(small !== rest);
});
