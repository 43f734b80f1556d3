import fc from "fast-check";
import assert from "node:assert/strict";
import type { SnakedenError } from "../../../src/errors.ts";
import { BodyReader } from "../../../src/routes/http/body_reader.ts";

const LIMITS = { maxBodyBytes: 200_000, maxBodiesBytes: 0, bodyTimeoutMs: 0 };

/** A server that answers the length of the body it read, or the code of what stood in the way. */
function serve(bodies: BodyReader, onRead: (body: Uint8Array<ArrayBuffer>) => Promise<void>): {
  port: number;
  [Symbol.asyncDispose](): Promise<void>;
} {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      try {
        const body = await bodies.read(request);
        await onRead(body);
        bodies.release(body);
        return new Response(`read ${body.byteLength}`);
      } catch (error) {
        return new Response((error as SnakedenError).code);
      }
    },
  );
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function post(port: number, head: string, body: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ port });
  const text = `POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${head}\r\n\r\n${body}`;
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

/** Returns the body of the response. */
async function answerOf(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4_096);
  let text = "";
  while (!/\r\n\r\n./.test(text)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count));
  }
  return text.split("\r\n\r\n")[1] ?? "";
}

function request(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

function chunked(parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(parts) as ReadableStream<Uint8Array>;
}

Deno.test("BodyReader.read() returns any body unchanged, in any parts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40_000, size: "max" }), { maxLength: 6 }),
      async (parts) => {
        const bodies = new BodyReader(LIMITS);
        const whole = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
        const body = await bodies.read(request(chunked(parts)));
        assert.ok(Buffer.from(body).equals(whole));
        bodies.release(body);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("BodyReader.read() takes no room beyond the announced length of a body", async () => {
  const bodies = new BodyReader({ ...LIMITS, maxBodiesBytes: 280_000 });
  const announced = { "content-length": "150000" };
  const body = (): ReadableStream<Uint8Array> =>
    chunked(Array.from({ length: 15 }, () => new Uint8Array(10_000)));
  const first = await bodies.read(request(body(), announced));
  const second = await bodies.read(request(body(), announced));
  assert.deepEqual([first.byteLength, second.byteLength], [150_000, 150_000]);
});

Deno.test("BodyReader.read() gives reads of a chunked body little room, others all they may have", async () => {
  for (const headers of [{}, { "content-length": "150000" }]) {
    const rooms: number[] = [];
    let left = 150_000;
    const body = new ReadableStream({
      type: "bytes",
      pull(controller: ReadableByteStreamController): void {
        const room = controller.byobRequest?.view?.byteLength ?? 0;
        if (left === 0) controller.close();
        else rooms.push(room);
        const some = Math.min(room, 4_000, left);
        left -= some;
        controller.byobRequest?.respond(some);
      },
    });
    const bodies = new BodyReader({ ...LIMITS, maxBodiesBytes: 400_000 });
    assert.equal((await bodies.read(request(body, headers))).byteLength, 150_000);
    const most = Math.max(...rooms);
    assert.ok("content-length" in headers ? most > 16_384 : most <= 4_096, `${most}`);
  }
});

Deno.test("BodyReader.read() accepts chunked bodies up to the limit, for any chunk sizes", async () => {
  const limit = 20_000;
  const bodies = new BodyReader({ ...LIMITS, maxBodyBytes: limit, bodyTimeoutMs: 1_000 });
  await using server = serve(bodies, () => Promise.resolve());
  const timer = setInterval(() => bodies.time.check(), 100);
  for (const length of [1, 512, 12_288, 16_384, 16_385, limit - 1, limit, limit + 1, 32_768]) {
    for (const step of [500, 512, 1_000, 4_096, 16_384]) {
      let text = "";
      for (let at = 0; at < length; at += step) {
        const size = Math.min(step, length - at);
        text += `${size.toString(16)};note=x\r\n${"x".repeat(size)}\r\n`;
      }
      using connection = await post(
        server.port,
        "transfer-encoding: chunked",
        `${text}0\r\n\r\n`,
      );
      const expected = length > limit ? "body_too_large" : `read ${length}`;
      assert.equal(await answerOf(connection), expected, `${length} bytes by ${step}`);
    }
  }
  clearInterval(timer);
});

for (
  const [what, head] of [
    ["of announced length", "content-length: 150000"],
    ["in chunks", "transfer-encoding: chunked"],
  ] as const
) {
  Deno.test(`BodyReader.read() gives up a body ${what} that does not arrive in time`, async () => {
    const bodies = new BodyReader(LIMITS);
    await using server = serve(bodies, () => Promise.resolve());
    using connection = await post(server.port, head, "3\r\nabc\r\n");
    const answer = answerOf(connection);
    const timer = setInterval(() => bodies.time.check(), 10);
    assert.equal(await answer, "request_incomplete");
    clearInterval(timer);
  });
}

Deno.test("BodyReader.read() gives up a small body that does not arrive in time", async () => {
  const bodies = new BodyReader(LIMITS);
  await using server = serve(bodies, () => Promise.resolve());
  using connection = await post(server.port, "content-length: 100", "abc");
  const answer = answerOf(connection);
  const timer = setInterval(() => bodies.time.check(), 10);
  assert.equal(await answer, "request_incomplete");
  clearInterval(timer);
});

Deno.test("BodyReader.read() refuses a body while others hold all the room, and takes it when they are released", async () => {
  const bodies = new BodyReader(LIMITS);
  const { promise: mayGo, resolve: go } = Promise.withResolvers<void>();
  const { promise: reading, resolve: onRead } = Promise.withResolvers<void>();
  await using server = serve(bodies, () => {
    onRead();
    return mayGo;
  });
  const big = "x".repeat(150_000);
  using first = await post(server.port, `content-length: ${big.length}`, big);
  await reading;
  using second = await post(server.port, `content-length: ${big.length}`, big);
  assert.equal(await answerOf(second), "server_busy");
  go();
  assert.equal(await answerOf(first), `read ${big.length}`);
  using third = await post(server.port, `content-length: ${big.length}`, big);
  assert.equal(await answerOf(third), `read ${big.length}`);
});

Deno.test("BodyReader.read() releases the room of a body that breaks off", async () => {
  const bodies = new BodyReader(LIMITS);
  for (let i = 0; i < 5; i++) {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller): void {
        controller.enqueue(new Uint8Array(100_000));
        if (i % 2 === 0) controller.error(new Error("gone"));
      },
    });
    await assert.rejects(bodies.read(request(broken)), {
      code: i % 2 === 0 ? "request_incomplete" : "body_too_large",
    });
  }
  const body = await bodies.read(request(chunked([new Uint8Array(200_000)])));
  assert.equal(body.byteLength, 200_000);
});

Deno.test("BodyReader.read() holds a body to the limit regardless of its announced length", async () => {
  const bodies = new BodyReader({ ...LIMITS, maxBodyBytes: 10_000 });
  for (const announced of ["5", "nonsense"]) {
    const request = new Request("http://localhost/", {
      method: "POST",
      body: "x".repeat(10_001),
      headers: { "content-length": announced },
    });
    assert.equal(request.headers.get("content-length"), announced);
    await assert.rejects(bodies.read(request), { code: "body_too_large" });
  }
});
