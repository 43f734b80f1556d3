/**
 * Values that are too large for the event loop: they go another way, and arrive as the small ones.
 */
import assert from "node:assert/strict";
import { NdArray, Value } from "../../../src/bridge/mod.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { createApp, Traffic } from "../../../src/routes/mod.ts";
import { until } from "../../fixtures/until.ts";
import { chunk, done, memoryEngine, outcomeOf } from "../memory_engine.ts";

const SIZES = [["small", 10], ["large", 300_000]] as const;

/** One value of each kind, made of about so many bytes. */
function values(size: number): Record<string, unknown> {
  return {
    text: "é\n".repeat(size / 2),
    list: Array.from({ length: size / 2 }, (_, i) => i % 10),
    bytes: new Uint8Array(size).fill(7),
    array: new NdArray("<f8", [2, size / 2], new Float64Array(size)),
    mixed: { big: 1n << 80n, nan: NaN, minus: -0, text: "x".repeat(size) },
  };
}

async function withApp<T>(
  events: readonly StreamEvent[] | undefined,
  result: unknown,
  use: (post: (path: string, init?: RequestInit) => Promise<Response>) => Promise<T>,
): Promise<T> {
  const engine = memoryEngine({
    call: () => Promise.resolve(outcomeOf(result)),
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      yield* events ?? [];
    },
  });
  using traffic = new Traffic(engine.config.limits);
  const app = createApp(engine, { version: "1", traffic });
  return await use(async (path, init = {}) =>
    await app.request(path, {
      method: "POST",
      body: '{"tool":"a"}',
      ...init,
      headers: { "content-type": "application/json", ...init.headers },
    })
  );
}

for (const [size, count] of SIZES) {
  for (const [kind, value] of Object.entries(values(count))) {
    const text = Value.from(value).jsonText();

    Deno.test(`POST /v1/execute returns a ${size} result with ${kind} as Value.jsonText() writes it`, async () => {
      await withApp([], value, async (post) => {
        const answer = await post("/v1/execute");
        assert.equal(answer.status, 200);
        const start = `{"result":${text},"callId":"c-1"`;
        assert.equal((await answer.text()).slice(0, start.length), start);
      });
    });

    for (const accept of ["text/event-stream", "application/x-ndjson"]) {
      Deno.test(`POST /v1/stream sends ${size} events with ${kind} as ${accept}, each on one line`, async () => {
        const events = [chunk(1), chunk(value), chunk(2), done(value)];
        await withApp(events, undefined, async (post) => {
          const answer = await post("/v1/stream", { headers: { accept } });
          const lines = (await answer.text()).split("\n")
            .filter((it) => it.startsWith("data: ") || it.startsWith("{"));
          const found = lines.map((it) => it.replace(/^data: |^\{"event":"\w+","data":/g, ""));
          assert.equal(found.length, 4);
          assert.equal(found[1]?.slice(0, text.length), text);
          assert.equal(found[3]?.slice(0, text.length + 10), `{"result":${text}`);
        });
      });
    }
  }
}

Deno.test("POST /v1/stream sends a large chunk on one line whose JSON has line breaks", async () => {
  const json = new TextEncoder().encode(`[\n"${"x".repeat(200_000)}",\r\n1]`);
  const events: StreamEvent[] = [{ type: "chunk", value: new Value({ json }) }, done(1)];
  await withApp(events, undefined, async (post) => {
    const answer = await post("/v1/stream");
    const [, data = ""] = /^data: (.*)$/m.exec(await answer.text()) ?? [];
    assert.deepEqual(JSON.parse(data), ["x".repeat(200_000), 1]);
  });
});

Deno.test("POST /v1/execute reads a large body as it reads a small one", async () => {
  const engine = memoryEngine();
  using traffic = new Traffic(engine.config.limits);
  const app = createApp(engine, { version: "1", traffic });
  const text = "y".repeat(300_000);
  const body = `{"tool":"a","timeoutMs":5,"args":{"n":123456789012345678901,"text":"${text}"}}`;
  const headers = { "content-type": "application/json" };
  const answer = await app.request("/v1/execute", { method: "POST", body, headers });
  assert.match(await answer.text(), /^\{"result":\{"n":123456789012345678901,"text":"yyyy/);
  assert.equal(engine.calls[0]?.options.timeoutMs, 5);
  const bad = await app.request("/v1/execute", { method: "POST", body: `${body}]`, headers });
  assert.equal(bad.status, 400);
  assert.match((await bad.json()).detail, /it is not JSON/);
});

Deno.test("POST /v1/execute refuses large results when too many of them wait to be written", async () => {
  const value = new Uint8Array(1_000_000).fill(7);
  const engine = memoryEngine({ call: () => Promise.resolve(outcomeOf(value)) });
  const bounds = { maxUnreadBytes: 3_500_000, maxResultBytes: 1_000_000 };
  using traffic = new Traffic({ ...engine.config.limits, ...bounds });
  const app = createApp(engine, { version: "1", traffic });
  const headers = { "content-type": "application/json" };
  const post = async (): Promise<number> => {
    const answer = await app.request("/v1/execute", {
      method: "POST",
      body: '{"tool":"a"}',
      headers,
    });
    await answer.body?.cancel();
    return answer.status;
  };
  const statuses = await Promise.all(Array.from({ length: 20 }, post));
  assert.equal(statuses.filter((it) => it === 503).length, 17);
  assert.equal(await post(), 200);
});

const JSON_TYPE = { "content-type": "application/json" };
const LONG_CALL = JSON.stringify({ tool: "a", args: { text: "x".repeat(60_000) } });
const LARGE_BODIES: readonly [string, string, RequestInit][] = [
  ["JSON", "/v1/execute", { body: LONG_CALL, headers: JSON_TYPE }],
  ["JSON", "/v1/stream", { body: LONG_CALL, headers: JSON_TYPE }],
  ["bytes", "/v1/execute?tool=a&arg=data", {
    body: new Uint8Array(60_000),
    headers: { "content-type": "application/octet-stream" },
  }],
];

for (const [kind, path, init] of LARGE_BODIES) {
  Deno.test(`POST ${path} refuses large ${kind} while other calls hold too many bytes`, async () => {
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const run = async (): Promise<void> => {
      begun.resolve();
      await release.promise;
    };
    const engine = memoryEngine({
      call: () => run().then(() => outcomeOf(1)),
      events: async function* (): AsyncGenerator<StreamEvent> {
        await run();
        yield chunk(1);
      },
      config: { limits: { maxArgumentsBytes: 100_000 } },
    });
    using traffic = new Traffic(engine.config.limits);
    const app = createApp(engine, { version: "1", traffic });
    const post = async (): Promise<[number, string]> => {
      const answer = await app.request(path, { method: "POST", ...init });
      return [answer.status, await answer.text()];
    };
    const first = post();
    await begun.promise;
    const [status, text] = await post();
    assert.equal(status, 503, text);
    assert.match(text, /limits\.maxArgumentsBytes/);
    release.resolve();
    assert.equal((await first)[0], 200);
    assert.equal((await post())[0], 200);
  });
}

Deno.test("POST /v1/stream ends a stream that nobody reads, and cancels its call", async () => {
  const ended = Promise.withResolvers<void>();
  const big = chunk("x".repeat(1_000_000));
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      try {
        while (true) {
          yield big;
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      } finally {
        ended.resolve();
      }
    },
  });
  using traffic = new Traffic({ ...engine.config.limits, answerTimeoutMs: 300 });
  const app = createApp(engine, { version: "1", traffic });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response() },
    app.fetch,
  );
  using connection = await Deno.connect({ port: server.addr.port });
  const body = '{"tool":"a"}';
  await connection.write(
    new TextEncoder().encode(
      "POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
        `content-length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  let isEnded = false;
  void ended.promise.then(() => isEnded = true);
  await until(() => {
    traffic.check();
    return isEnded;
  }, "the stream to be given up");
});
