import assert from "node:assert/strict";
import { Traffic } from "../../../src/routes/mod.ts";

const LIMITS = {
  maxBodyBytes: 400_000,
  maxBodiesBytes: 0,
  maxArgumentsBytes: 0,
  bodyTimeoutMs: 0,
  maxUnreadBytes: 1_000_000,
  maxResultBytes: 1_000_000,
  answerTimeoutMs: 0,
  streamResumeMs: 0,
  streamReplayBytes: 1_024,
  maxDepth: 10,
  streamWindowBytes: 65_536,
};

/** A body without an announced length, which takes room as it comes. */
function post(text: string): Request {
  const body = new Blob([text]).stream();
  const headers = { "content-type": "application/json" };
  return new Request("http://localhost/", { method: "POST", body, headers });
}

async function read(traffic: Traffic, text: string): ReturnType<Traffic["readCall"]> {
  const request = post(text);
  using caller = traffic.callers.open(request, undefined);
  return await traffic.readCall(request, caller);
}

for (const [size, length] of [["small", 60_000], ["large", 200_000]] as const) {
  Deno.test(`Traffic.readCall() releases the room of a ${size} body, also if it is refused`, async () => {
    using traffic = new Traffic(LIMITS);
    const text = "x".repeat(length);
    for (let round = 0; round < 10; round++) {
      const { tool } = await read(traffic, `{"tool":"a","args":{"text":"${text}"}}`);
      assert.equal(tool, "a");
      await assert.rejects(read(traffic, `{"tool":"a","text":"${text}"}`), {
        code: "invalid_input",
      });
    }
  });
}

Deno.test("Traffic.readSmall() releases the room of a body", async () => {
  using traffic = new Traffic(LIMITS);
  const text = "x".repeat(60_000);
  for (let round = 0; round < 20; round++) {
    assert.deepEqual(await traffic.readSmall(post(`{"text":"${text}"}`)), { text });
  }
});

for (const [size, length] of [["small", 60_000], ["large", 200_000]] as const) {
  Deno.test(`Traffic.readValues() holds the room of a ${size} body until it is disposed`, async () => {
    using traffic = new Traffic(LIMITS);
    const value = JSON.stringify("x".repeat(length));
    for (let round = 0; round < 10; round++) {
      {
        using _first = await traffic.readValues(post(`{"value":${value}}`));
        await assert.rejects(fill(traffic), { code: "server_busy" });
      }
      const bad = post(`{"value":${value},"set":[{"value":{"$snakeden":"none"}}]}`);
      await assert.rejects(traffic.readValues(bad), { code: "invalid_input" });
      await fill(traffic);
    }
  });
}

/** Reads a body that takes all room. */
async function fill(traffic: Traffic): Promise<void> {
  traffic.bodies.release(await traffic.bodies.read(post("x".repeat(LIMITS.maxBodyBytes))));
}
