import assert from "node:assert/strict";
import type { Snakeden } from "snakeden";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

type Ask = (path: string, init: RequestInit) => Promise<Response>;

/** Serves a host on a real port while `work` runs. */
async function served(work: (ask: Ask, den: Snakeden) => Promise<void>): Promise<void> {
  await using den = await startDen({ adapter: "tool_options", size: 1 });
  using traffic = new Traffic(den.config.limits).start();
  const app = createApp(den, { version: "0.0.0", traffic });
  await using server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, app.fetch);
  const { port } = server.addr;
  await work((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init), den);
}

function call(tool: string, args: unknown, accept?: string): RequestInit {
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(accept === undefined ? {} : { accept }),
    },
    body: JSON.stringify({ tool, args }),
  };
}

Deno.test("POST /v1/execute carries bytes in and out without base64, through real workers", async () => {
  await served(async (ask) => {
    const data = crypto.getRandomValues(new Uint8Array(60_000));
    const large = new Uint8Array(20_000_000).fill(1);
    const sum = data.reduce((a, b) => a + b, 0);
    const plain = await ask('/v1/execute?tool=measure&args={"scale":2}', {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: data,
    });
    const { result, queueMs } = await plain.json();
    assert.deepEqual(result, { length: 60_000, sum: 2 * sum, label: "", flags: null });
    assert.equal(typeof queueMs, "number");
    const form = new FormData();
    form.append("data", new Blob([large]), "ü.bin");
    form.append("label", "7");
    form.append("flags", "1");
    form.append("flags", "2");
    const sent = await ask("/v1/execute?tool=measure", { method: "POST", body: form });
    assert.deepEqual((await sent.json()).result, {
      length: large.length,
      sum: large.length,
      label: "7",
      flags: [1, 2],
    });
    const files = new FormData();
    for (const size of [3, 0, 100_000]) files.append("files", new Blob([new Uint8Array(size)]));
    const gathered = await ask("/v1/execute?tool=gather", { method: "POST", body: files });
    assert.deepEqual((await gathered.json()).result, [3, 0, 100_000]);
  });
});

Deno.test("POST /v1/execute returns raw bytes and arrays to a client that accepts them", async () => {
  await served(async (ask) => {
    for (const size of [10, 5_000_000]) {
      const answer = await ask("/v1/execute", call("picture", { size }, "image/*"));
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "image/png");
      assert.equal(answer.headers.get("content-length"), String(size + 4));
      assert.match(answer.headers.get("snakeden-call-id") ?? "", /^[0-9a-f]{8}-\w+$/);
      assert.equal(answer.headers.get("snakeden-worker-id"), "default-1");
      assert.ok(Number(answer.headers.get("snakeden-duration-ms")) > 0);
      assert.ok(Number(answer.headers.get("snakeden-queue-ms")) >= 0);
      const bytes = await answer.bytes();
      assert.equal(bytes.length, size + 4);
      assert.deepEqual([...bytes.subarray(0, 5)], [0x89, 0x50, 0x4e, 0x47, 0]);
    }
    for (const tool of ["whole", "listed"]) {
      const array = await ask("/v1/execute", call(tool, { n: 2 }, "application/octet-stream"));
      assert.equal(array.headers.get("snakeden-dtype"), "<i8");
      assert.equal(array.headers.get("snakeden-shape"), "2");
      assert.deepEqual(
        new BigInt64Array((await array.bytes()).buffer),
        new BigInt64Array([0n, 1n]),
      );
    }
    const types = {
      "*/*": "application/json",
      "application/json, image/png;q=0.5": "application/json",
      "image/png;q=0.5, */*": "application/json",
      "application/json, image/png": "image/png",
      "image/webp, image/*;q=0.1": "image/png",
      "application/octet-stream": "application/octet-stream",
      "image/webp, application/json": "application/json",
      "text/html": "application/json",
      "application/*": "application/json",
    };
    for (const [accept, type] of Object.entries(types)) {
      const answer = await ask("/v1/execute", call("picture", { size: 1 }, accept));
      await answer.body?.cancel();
      assert.equal(answer.headers.get("content-type"), type, accept);
    }
  });
});

const REFUSED: [tool: string, args: unknown, accept: string, mayHaveRun: boolean, text: RegExp][] =
  [
    [
      "picture",
      { size: 1 },
      "image/jpeg",
      false,
      /picture can be sent as image\/png or application/,
    ],
    ["blob", { size: 1 }, "image/png", false, /names no media type.*@tool\(media_type/],
    ["who", {}, "application/octet-stream", false, /who does not return bytes/],
    ["pieces", { sizes: [1] }, "application/octet-stream", false, /does not return bytes/],
    [
      "no_picture",
      {},
      "image/png",
      true,
      /the result of no_picture is not bytes \(the tool has run\)/,
    ],
  ];

Deno.test("POST /v1/execute returns 406 if it cannot send the accepted type, and says whether the tool has run", async () => {
  await served(async (ask, den) => {
    for (const [tool, args, accept, mayHaveRun, text] of REFUSED) {
      const before = den.pools.list()[0]?.stats.completed;
      const answer = await ask("/v1/execute", call(tool, args, accept));
      const problem = await answer.json();
      assert.equal(answer.status, 406, JSON.stringify(problem));
      assert.match(problem.detail, text);
      assert.equal(problem.details.mayHaveRun, mayHaveRun);
      const ran = Number(den.pools.list()[0]?.stats.completed) - Number(before);
      assert.equal(ran, mayHaveRun ? 1 : 0, tool);
    }
    const mixed = await ask("/v1/execute", call("no_picture", {}, "image/png, application/json"));
    assert.equal((await mixed.json()).result, "text");
    for (const path of ["/v1/execute", "/v1/stream"]) {
      const unknown = await ask(path, call("pictures", {}, "image/png"));
      assert.equal(unknown.status, 404, path);
      await unknown.body?.cancel();
    }
  });
});

Deno.test("POST /v1/stream sends the bytes of chunks one after the other", async () => {
  await served(async (ask, den) => {
    const octets = "application/octet-stream";
    const sizes = [3, 0, 200_000, 1];
    const answer = await ask("/v1/stream", call("pieces", { sizes }, octets));
    assert.equal(answer.headers.get("content-type"), octets);
    const bytes = await answer.bytes();
    assert.equal(bytes.length, 200_004);
    assert.ok(bytes.every((it) => it === 65));
    const none = await ask("/v1/stream", call("pieces", { sizes: [] }, octets));
    assert.equal((await none.bytes()).length, 0);
    const early = await ask("/v1/stream", call("pieces", { sizes: [], fail: true }, octets));
    assert.equal(early.status, 500);
    assert.equal((await early.json()).code, "python_exception");
    // Bytes have no place for an error, so the connection is cut off.
    const late = await ask("/v1/stream", call("pieces", { sizes: [9], fail: true }, octets));
    assert.equal(late.status, 200);
    await assert.rejects(late.bytes());
    const numbers = await ask("/v1/stream", call("series", { n: 2 }, octets));
    assert.equal((await numbers.bytes()).length, 32);
    const events = await ask("/v1/stream", call("pieces", { sizes: [1] }, `${octets}, */*;q=0.1`));
    assert.match(events.headers.get("content-type") ?? "", /^text\/event-stream/);
    await events.body?.cancel();
    const left = await ask(
      "/v1/stream",
      call("pieces", { sizes: Array(1_000).fill(90_000) }, octets),
    );
    await left.body?.cancel();
    await until(() => den.workers.list()[0]?.state === "ready", "the call to end");
  });
});
