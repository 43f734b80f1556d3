import assert from "node:assert/strict";
import { Traffic } from "../../../src/routes/mod.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import type { ToolInfo } from "../../../src/tools/mod.ts";
import { chunk, clientOf, done, memoryEngine } from "../memory_engine.ts";

const SAVE: ToolInfo = {
  name: "save",
  runsIn: "worker",
  pool: "default",
  description: "",
  inputSchema: {
    type: "object",
    properties: { data: { type: "string", contentEncoding: "base64" } },
  },
  streams: true,
  idempotent: false,
};
const tools = { list: () => [SAVE], find: () => SAVE };
const MIB = 1024 * 1024;
const config = {
  limits: { maxArgumentsBytes: MIB },
};
const data = new Uint8Array(600_000);
const OCTETS = { "content-type": "application/octet-stream" };

const ANSWERS = ["text/event-stream", "application/x-ndjson", "application/octet-stream"];
for (const accept of ANSWERS) {
  Deno.test(`POST /v1/stream releases the room of an upload when ${accept} has ended`, async () => {
    const engine = memoryEngine({
      namespaces: { tools },
      config,
      events: async function* (): AsyncGenerator<StreamEvent> {
        yield await Promise.resolve(chunk(new Uint8Array(3)));
        yield done(null);
      },
    });
    const client = clientOf(engine);
    for (let i = 0; i < 3; i++) {
      const answer = await client.post("/v1/stream?tool=save", data, { ...OCTETS, accept });
      assert.equal(answer.status, 200);
      await answer.bytes();
    }
  });

  Deno.test(`POST /v1/stream releases the room of an upload when ${accept} breaks off`, async () => {
    const engine = memoryEngine({
      namespaces: { tools },
      config,
      events: async function* (): AsyncGenerator<StreamEvent> {
        while (true) yield await Promise.resolve(chunk(new Uint8Array(3_000)));
      },
    });
    const { limits } = engine.config;
    using traffic = new Traffic(limits);
    // No chunk has room any more.
    using _full = traffic.answers.hold(limits.maxUnreadBytes);
    const client = clientOf(engine, { traffic });
    for (let i = 0; i < 3; i++) {
      const answer = await client.post("/v1/stream?tool=save", data, { ...OCTETS, accept });
      assert.match(await answer.text(), /limits\.maxUnreadBytes/);
    }
  });

  Deno.test(`POST /v1/stream releases the room of an upload whose call fails before ${accept}`, async () => {
    const engine = memoryEngine({
      namespaces: { tools },
      config,
      // deno-lint-ignore require-yield
      events: async function* (): AsyncGenerator<StreamEvent> {
        await Promise.resolve();
        throw new Error("The tool failed");
      },
    });
    const client = clientOf(engine);
    for (let i = 0; i < 3; i++) {
      const answer = await client.post("/v1/stream?tool=save", data, { ...OCTETS, accept });
      assert.equal(answer.status, 500);
      await answer.body?.cancel();
    }
  });
}

Deno.test("POST /v1/stream releases the room of an upload whose chunks are not bytes", async () => {
  const engine = memoryEngine({
    namespaces: { tools },
    config,
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield await Promise.resolve(chunk("text"));
      yield done(null);
    },
  });
  const client = clientOf(engine);
  for (let i = 0; i < 3; i++) {
    const accept = "application/octet-stream";
    const answer = await client.post("/v1/stream?tool=save", data, { ...OCTETS, accept });
    assert.equal(answer.status, 406);
    await answer.body?.cancel();
  }
});
