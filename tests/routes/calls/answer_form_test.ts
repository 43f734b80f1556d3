import assert from "node:assert/strict";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import type { ToolInfo } from "../../../src/tools/mod.ts";
import {
  chunk,
  clientOf,
  decoded,
  done,
  type MemoryEngine,
  memoryEngine,
  outcomeOf,
} from "../memory_engine.ts";

const SHOW: ToolInfo = {
  name: "show",
  runsIn: "worker",
  pool: "default",
  description: "",
  inputSchema: { type: "object" },
  streams: false,
  idempotent: false,
  mediaType: "text/html",
};
const PLAY: ToolInfo = { ...SHOW, name: "play", streams: true };
const BYTES = new Uint8Array([1, 2, 3]);

function engine(): MemoryEngine {
  const tools = [SHOW, PLAY];
  const it: MemoryEngine = memoryEngine({
    namespaces: {
      tools: { list: () => tools, find: (name) => tools.find((tool) => tool.name === name) },
    },
    call: (tool, args, options) => {
      it.calls.push({ tool, args: decoded(args), options });
      return Promise.resolve(outcomeOf(BYTES));
    },
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield await Promise.resolve(chunk(BYTES));
      yield done(null);
    },
  });
  return it;
}

const ASKED = [["/v1/execute", "show"], ["/v1/stream", "play"]] as const;
for (const [path, tool] of ASKED) {
  Deno.test(`POST ${path} keeps browsers from running bytes as a page of this server`, async () => {
    const answer = await clientOf(engine()).post(path, { tool }, { accept: "text/html" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/html");
    assert.equal(answer.headers.get("content-security-policy"), "sandbox");
    assert.deepEqual(await answer.bytes(), BYTES);
  });
}

Deno.test("POST /v1/stream refuses to send the bytes of a tool that has no chunks", async () => {
  const it = engine();
  const accept = "application/octet-stream";
  const answer = await clientOf(it).post("/v1/stream", { tool: "show" }, { accept });
  assert.equal(answer.status, 406);
  assert.match((await answer.json()).detail, /show sends no chunks; POST \/v1\/execute/);
  assert.equal(it.calls.length, 0);
});
