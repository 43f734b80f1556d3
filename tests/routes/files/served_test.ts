/** Uploads and downloads over real sockets: clients that break off, are silent, or read nothing. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { nextTurn } from "../../../src/async/mod.ts";
import { createApp, Traffic } from "../../../src/routes/mod.ts";
import { FileKit, type FileKitOptions, sha256Of, someBytes } from "../../files/file_kit.ts";
import { until } from "../../fixtures/until.ts";
import { memoryEngine } from "../memory_engine.ts";

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly kit: FileKit;
  readonly traffic: Traffic;
}

/** Serves files on a free port. */
async function serve(
  options: FileKitOptions = {},
  limits: Record<string, number> = {},
): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const kit = stack.use(await FileKit.open({ maxFileBytes: 100_000_000, ...options }));
  const engine = memoryEngine({ files: kit.files, config: { limits } });
  const traffic = new Traffic(engine.config.limits, { freesSent: true });
  const app = createApp(engine, { version: "1", traffic });
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, app.fetch);
  stack.defer(() => server.shutdown());
  const all = stack.move();
  const { port } = server.addr;
  return {
    kit,
    traffic,
    port,
    url: `http://127.0.0.1:${port}/v1/files`,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Opens a connection and sends the head of an upload, and some bytes of its body. */
async function beginUpload(port: number, bytes: number): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = `PUT /v1/files HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
    "content-length: 1000000\r\n\r\n";
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(head));
  await writer.write(someBytes(bytes));
  writer.releaseLock();
  return connection;
}

/** Returns the first bytes of an answer. */
async function answerOf(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(2_000);
  const length = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}

Deno.test("a long file goes up and down over a socket, and a download goes on where it was cut", async () => {
  await using server = await serve({ driver: "directory" });
  const bytes = someBytes(20_000_000);
  const sha256 = await sha256Of(bytes);
  for (const body of [bytes, new Blob([bytes]).stream()]) {
    const answer = await fetch(`${server.url}?sha256=${sha256}`, { method: "PUT", body });
    assert.equal(answer.status, 201);
    await answer.json();
  }
  const { items: [file] } = await server.kit.files.list();
  const url = `${server.url}/${file?.id}/content`;
  const cut = await fetch(url);
  const reader = cut.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < 5_000_000) {
    const { value } = await reader?.read() ?? {};
    assert.ok(value);
    parts.push(value);
    length += value.byteLength;
  }
  await reader?.cancel();
  const rest = await fetch(url, {
    headers: { range: `bytes=${length}-`, "if-range": cut.headers.get("etag") ?? "" },
  });
  assert.equal(rest.status, 206);
  parts.push(await rest.bytes());
  assert.equal(await sha256Of(await new Blob(parts as BlobPart[]).bytes()), sha256);
});

Deno.test("downloads are right for readers that are slow, and for many at once", async () => {
  await using server = await serve({ driver: "directory" });
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const file = new Uint8Array(8_000_000).map((_, i) => bytes[i % 65_521] ?? 0);
  const { id, sha256 } = await server.kit.files.add(file);
  const hashes = await Promise.all(Array.from({ length: 4 }, async (_, number) => {
    const { body } = await fetch(`${server.url}/${id}/content`);
    const hash = createHash("sha256");
    for await (const chunk of body ?? []) {
      hash.update(chunk);
      // The runtime has many chunks of those that wait.
      for (let turn = 0; turn < number; turn++) await nextTurn();
    }
    return hash.digest("hex");
  }));
  assert.deepEqual(hashes, hashes.map(() => sha256));
});

Deno.test("an upload that is cut in the middle leaves nothing, and gives its place back", async () => {
  await using server = await serve({ driver: "directory", files: { maxUploads: 1 } });
  const parts = (): number => [...Deno.readDirSync(`${server.kit.path}/blobs/incoming`)].length;
  const put = async (): Promise<number> => {
    const answer = await fetch(server.url, { method: "PUT", body: "a" });
    await answer.body?.cancel();
    return answer.status;
  };
  for (let i = 0; i < 3; i++) {
    const connection = await beginUpload(server.port, 300_000);
    try {
      await until(() => parts() === 1, "the upload has begun");
      assert.equal(await put(), 503);
    } finally {
      connection.close();
    }
    await until(async () => await put() === 201, "its place is free");
    assert.equal(parts(), 0);
  }
  const { items } = await server.kit.files.list();
  assert.deepEqual(items.map(({ bytes }) => bytes), [1, 1, 1]);
  assert.equal((await server.kit.hashes()).length, 1);
});

Deno.test("an upload that is silent is ended after its time, and others are served meanwhile", async () => {
  await using server = await serve({ files: { maxUploads: 2 } }, { bodyTimeoutMs: 1_000 });
  const silent = await beginUpload(server.port, 10);
  await until(() => !server.traffic.bodies.time.isEmpty, "the upload has begun");
  const other = await fetch(server.url, { method: "PUT", body: someBytes(10) });
  assert.equal(other.status, 201);
  await other.json();
  const checking = setInterval(() => server.traffic.check(), 50);
  try {
    const answer = await answerOf(silent);
    assert.match(answer, /^HTTP\/1\.1 408 [^]*"code":"request_incomplete"/);
    assert.match(answer, /the upload stalled/);
  } finally {
    clearInterval(checking);
    silent.close();
  }
  assert.equal((await server.kit.files.list()).items.length, 1);
});

Deno.test("hundreds of uploads that stay open are bounded, and other requests are served", async () => {
  await using server = await serve({ files: { maxUploads: 8 } });
  const connections = await Promise.all(
    Array.from({ length: 300 }, () => beginUpload(server.port, 10)),
  );
  try {
    let refused = 0;
    const answers = connections.map(async (it) => {
      const answer = await answerOf(it).catch(() => "");
      if (/^HTTP\/1\.1 503 [^]*"code":"server_busy"/.test(answer)) refused++;
    });
    await until(() => refused === 292, "all but 8 are refused");
    const list = await fetch(server.url);
    assert.deepEqual([list.status, await list.json()], [200, { files: [] }]);
    for (const it of connections) it.close();
    await Promise.all(answers);
  } finally {
    for (const it of connections) {
      try {
        it.close();
      } catch {
        // It is closed already.
      }
    }
  }
  await until(async () => {
    const answer = await fetch(server.url, { method: "PUT", body: "a" });
    await answer.body?.cancel();
    return answer.status === 201;
  }, "a place is free");
});

Deno.test("a long file is refused by its length before its bytes are read", async () => {
  await using server = await serve({ maxFileBytes: 1_000 });
  const connection = await beginUpload(server.port, 0);
  try {
    assert.match(await answerOf(connection), /^HTTP\/1\.1 413 [^]*"code":"file_too_large"/);
  } finally {
    connection.close();
  }
});

Deno.test("a reader that reads nothing is disconnected after its time, and holds no memory", async () => {
  await using server = await serve({ driver: "directory" }, { answerTimeoutMs: 1_000 });
  const { id } = await server.kit.files.add(someBytes(40_000_000));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const writer = connection.writable.getWriter();
  await writer.write(
    new TextEncoder().encode(
      `GET /v1/files/${id}/content HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`,
    ),
  );
  writer.releaseLock();
  await until(() => !server.traffic.answers.time.isEmpty, "the download has begun");
  const checking = setInterval(() => server.traffic.check(), 50);
  // The runtime may keep the connection open after the last bytes.
  let isClosed = false;
  const close = (): void => {
    if (!isClosed) connection.close();
    isClosed = true;
  };
  const closing = setTimeout(close, 15_000);
  try {
    // While it waits for the store, its time does not run either, but not for long.
    let ended = 0;
    await until(() => {
      ended = server.traffic.answers.time.isEmpty ? ended + 1 : 0;
      return ended > 50;
    }, "it was ended");
    let read = 0;
    const buffer = new Uint8Array(1_000_000);
    for (let length: number | null = 1; length !== null && length > 0;) {
      length = await connection.read(buffer).catch(() => null);
      read += length ?? 0;
    }
    assert.ok(read < 20_000_000, `${read} bytes were on their way`);
  } finally {
    clearInterval(checking);
    clearTimeout(closing);
    close();
  }
});
