/** Tests that need a real socket: clients that disconnect, chunked bodies, slow readers. */
import assert from "node:assert/strict";
import type { CallOptions } from "../../../src/calls/call_options.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { createApp } from "../../../src/routes/mod.ts";
import { chunk, memoryEngine, type MemoryEngineOptions, valueOf } from "../memory_engine.ts";

/** A server on a free port. */
function serve(options: MemoryEngineOptions): AsyncDisposable & { url: string; port: number } {
  const app = createApp(memoryEngine(options), { version: "1" });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const { port } = server.addr;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const POST = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: '{"tool":"a"}',
};

/** The reason of the signal, when it aborts. */
function abortOf(signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

Deno.test("POST /v1/execute aborts the signal of the call when the client leaves", async () => {
  const seen = Promise.withResolvers<CallOptions>();
  await using server = serve({
    call: async (_tool, _args, options) => {
      seen.resolve(options);
      throw await abortOf(options.signal);
    },
  });
  const leaving = new AbortController();
  const answer = fetch(`${server.url}/v1/execute`, { ...POST, signal: leaving.signal });
  const { signal } = await seen.promise;
  assert.equal(signal?.aborted, false);
  const abort = abortOf(signal);
  leaving.abort();
  await assert.rejects(answer, { name: "AbortError" });
  assert.equal((await abort as Error).name, "AbortError");
});

Deno.test("POST /v1/execute never aborts the signal of a call that has answered", async () => {
  const seen = Promise.withResolvers<CallOptions>();
  await using server = serve({
    call: (_tool, args, options) => {
      seen.resolve(options);
      return Promise.resolve({
        value: valueOf(args),
        callId: "c",
        workerId: "w",
        durationMs: 1,
        queueMs: 0,
        runMs: 1,
      });
    },
  });
  await (await fetch(`${server.url}/v1/execute`, POST)).text();
  await (await fetch(`${server.url}/healthz`)).text();
  assert.equal((await seen.promise).signal?.aborted, false);
});

for (const stage of ["before the first event", "while the tool is silent"]) {
  Deno.test(`POST /v1/stream aborts the signal of the call when the client leaves ${stage}`, async () => {
    const seen = Promise.withResolvers<CallOptions>();
    const ended = Promise.withResolvers<void>();
    await using server = serve({
      events: async function* (options): AsyncGenerator<StreamEvent> {
        try {
          seen.resolve(options);
          if (stage !== "before the first event") yield chunk(1);
          throw await abortOf(options.signal);
        } finally {
          ended.resolve();
        }
      },
    });
    const leaving = new AbortController();
    const answer = fetch(`${server.url}/v1/stream`, { ...POST, signal: leaving.signal });
    answer.catch(() => {});
    await seen.promise;
    if (stage !== "before the first event") {
      const reader = (await answer).body?.getReader();
      await reader?.read();
      leaving.abort();
      await assert.rejects(async () => await reader?.read());
    } else {
      leaving.abort();
      await assert.rejects(answer);
    }
    await ended.promise;
  });
}

Deno.test("POST /v1/execute returns 413 for a chunked body over the limit", async () => {
  await using server = serve({ config: { limits: { maxBodyBytes: 10_000 } } });
  using connection = await Deno.connect({ port: server.port });
  const part = `4000\r\n${" ".repeat(0x4000)}\r\n`;
  await connection.write(
    new TextEncoder().encode(
      "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
        `transfer-encoding: chunked\r\n\r\n${part}`,
    ),
  );
  // The body is not at its end, and the answer comes all the same.
  const buffer = new Uint8Array(4_096);
  const count = await connection.read(buffer);
  const text = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /the limit is 10000 bytes/);
});

Deno.test("POST /v1/execute survives a client that breaks off in its body", async () => {
  await using server = serve({});
  const connection = await Deno.connect({ port: server.port });
  await connection.write(
    new TextEncoder().encode(
      "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
        'content-length: 100\r\n\r\n{"tool"',
    ),
  );
  connection.close();
  const answer = await fetch(`${server.url}/v1/execute`, POST);
  assert.equal(answer.status, 200);
  await answer.text();
});

Deno.test("POST /v1/stream pauses the tool while the reader does not read", async () => {
  const big = chunk("x".repeat(65_536));
  const asked: number[] = [];
  const ended = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  await using server = serve({
    events: async function* (): AsyncGenerator<StreamEvent> {
      const id = asked.push(0) - 1;
      try {
        while (true) {
          asked[id] = (asked[id] ?? 0) + 1;
          yield big;
          // A tool is on the other side of a socket.
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      } finally {
        ended[id]?.resolve();
      }
    },
  });
  const open = async (): Promise<ReadableStreamDefaultReader<Uint8Array> | undefined> => {
    const reader = (await fetch(`${server.url}/v1/stream`, POST)).body?.getReader();
    await reader?.read();
    return reader;
  };
  const paused = await open();
  // The same stream with a reader that does not pause is the clock.
  const read = await open();
  while ((asked[1] ?? 0) < 500) await read?.read();
  const [unread = 0] = asked;
  await Promise.all([paused?.cancel(), read?.cancel()]);
  await Promise.all(ended.map(({ promise }) => promise));
  // The buffers of the connection take some megabytes.
  assert.ok(unread < 250, `${unread} chunks of 64 KiB went to nobody`);
});

Deno.test("POST /v1/pools/:name/recycle needs no body", async () => {
  await using server = serve({});
  const answer = await fetch(`${server.url}/v1/pools/default/recycle`, { method: "POST" });
  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), { workers: ["default-1", "default-2"] });
});

Deno.test("HEAD announces the length that GET has, and sends nothing", async () => {
  await using server = serve({});
  for (const path of ["/", "/v1/tools", "/v1/pools", "/docs", "/v1/none"]) {
    const body = await (await fetch(`${server.url}${path}`)).bytes();
    const head = await fetch(`${server.url}${path}`, { method: "HEAD" });
    const text = await head.text();
    assert.deepEqual([head.headers.get("content-length"), text], [String(body.length), ""], path);
  }
});
