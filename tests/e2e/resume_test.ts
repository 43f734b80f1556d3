/** Tests streams that outlive their connections: real workers, and connections that are cut. */
import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import type { Snakeden, SnakedenOptions } from "../../mod.ts";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

interface Served extends AsyncDisposable {
  readonly den: Snakeden;
  readonly traffic: Traffic;
  readonly port: number;
}

async function serve(
  limits: SnakedenOptions["limits"] = {},
  options: SnakedenOptions & { readonly carrier?: "socket" | "grpc"; readonly size?: number } = {},
): Promise<Served> {
  const { carrier = "socket", size = 1, ...rest } = options;
  const den = await startDen({ adapter: "resumed", size, carrier }, {
    limits: { streamResumeMs: 30_000, ...limits },
    ...rest,
  });
  const traffic = new Traffic(den.config.limits).start();
  const app = createApp(den, { version: "1", traffic });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    den,
    traffic,
    port: server.addr.port,
    async [Symbol.asyncDispose](): Promise<void> {
      await den.stop({ drainMs: 0 });
      traffic[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Reads events as a browser does: one is there when its empty line has come. */
class SseReader {
  readonly events: SseEvent[] = [];
  readonly retries: number[] = [];
  lastId = "";
  #text = "";

  push(text: string): void {
    this.#text += text;
    const blocks = this.#text.split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => {
          const at = line.indexOf(":");
          return [line.slice(0, at), line.slice(at + 1).trimStart()] as const;
        }),
      );
      const id = fields.get("id");
      if (id !== undefined) this.lastId = id;
      const retry = fields.get("retry");
      if (retry !== undefined) this.retries.push(Number(retry));
      const [event, data] = [fields.get("event"), fields.get("data")];
      if (event !== undefined && data !== undefined) {
        this.events.push({ id: this.lastId, event, data });
      }
    }
  }

  /** Drops the part of an event that came before the cut. */
  cut(): void {
    this.#text = "";
  }
}

interface Cut {
  /** The status line and headers. */
  readonly head: string;
  /** The bytes of the body that were read. */
  readonly bytes: number;
}

/** Sends a request over raw TCP, passes on `maxBytes` of the body, and cuts the connection. */
async function requestRaw(
  port: number,
  { method = "POST", path = "/v1/stream", headers = {}, body = "" }: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
  sink: { push(text: string): void },
  maxBytes = Infinity,
): Promise<Cut> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    const lines = Object.entries({
      host: "localhost",
      ...(body === "" ? {} : { "content-type": "application/json" }),
      "content-length": String(body.length),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    await conn.write(
      new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`),
    );
    let raw = "";
    let head: string | undefined;
    let bytes = 0;
    const buffer = new Uint8Array(16_384);
    while (bytes < maxBytes) {
      const count = await conn.read(buffer);
      if (count === null) break;
      raw += new TextDecoder("latin1").decode(buffer.subarray(0, count));
      if (head === undefined) {
        const end = raw.indexOf("\r\n\r\n");
        if (end < 0) continue;
        head = raw.slice(0, end);
        raw = raw.slice(end + 4);
      }
      // The body is chunked, unless it is short.
      if (!/transfer-encoding: chunked/i.test(head)) {
        bytes += raw.length;
        sink.push(raw);
        raw = "";
        if (bytes >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) break;
        continue;
      }
      let isOver = false;
      while (!isOver) {
        const lineEnd = raw.indexOf("\r\n");
        if (lineEnd < 0) break;
        const size = Number.parseInt(raw.slice(0, lineEnd), 16);
        if (raw.length < lineEnd + 2 + size + 2) break;
        const data = raw.slice(lineEnd + 2, lineEnd + 2 + size);
        raw = raw.slice(lineEnd + 2 + size + 2);
        const room = Math.max(0, maxBytes - bytes);
        sink.push(data.slice(0, room));
        bytes += data.length;
        isOver = size === 0;
      }
      if (isOver) break;
    }
    return { head: head ?? "", bytes };
  } finally {
    conn.close();
  }
}

const numbers = (args: object): string => JSON.stringify({ tool: "numbers", args });

/** Reads a stream to its end with a connection that is cut again and again. */
async function readWithCuts(
  port: number,
  { body, cuts, how }: {
    readonly body: string;
    readonly cuts: readonly number[];
    readonly how: "GET" | "POST";
  },
): Promise<SseReader> {
  const reader = new SseReader();
  for (const maxBytes of [...cuts, Infinity]) {
    const { lastId } = reader;
    reader.cut();
    const headers = lastId === "" ? {} : { "last-event-id": lastId };
    const request = lastId === "" || how === "POST"
      ? { body, headers }
      : { method: "GET", path: `/v1/streams/${lastId.split(":")[0]}`, headers };
    const { head } = await requestRaw(port, request, reader, maxBytes);
    const isOver = reader.events.at(-1)?.event === "done" && lastId === reader.lastId;
    assert.match(head, isOver ? /^HTTP\/1.1 204/ : /^HTTP\/1.1 200/, head);
  }
  return reader;
}

for (const carrier of ["socket", "grpc"] as const) {
  for (const how of ["GET", "POST"] as const) {
    Deno.test(`a stream that is cut again and again loses and repeats nothing, by ${how}, over ${carrier}`, async () => {
      await using it = await serve({}, { carrier });
      const cuts = [40, 41, 300, 1_000, 1, 77, 20_000, 5, 65_536, 100_000];
      const body = numbers({ n: 5_000, size: 100 });
      const { events } = await readWithCuts(it.port, { body, cuts, how });
      const chunks = events.filter((event) => event.event === "chunk");
      assert.deepEqual(
        chunks.map(({ data }) => JSON.parse(data).index),
        Array.from({ length: 5_000 }, (_, i) => i),
      );
      assert.equal(events.at(-1)?.event, "done");
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
      assert.equal(it.den.pools.get("default").stats.requests, 1);
    });
  }
}

Deno.test("a stock EventSource resumes a stream whose connection is cut", async () => {
  await using it = await serve();
  let conn: Deno.TcpConn | undefined;
  // A proxy whose connections the test cuts.
  const proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const client of proxy) {
      conn = client;
      const host = await Deno.connect({ hostname: "127.0.0.1", port: it.port });
      client.readable.pipeTo(host.writable).catch(() => {});
      host.readable.pipeTo(client.writable).catch(() => {});
    }
  })();
  const source = new EventSource(`http://127.0.0.1:${proxy.addr.port}/v1/stream`, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        method: "POST",
        headers: { ...init.headers, "content-type": "application/json" },
        body: numbers({ n: 60, delay: 0.02 }),
      }),
  });
  const seen: number[] = [];
  const ended = Promise.withResolvers<void>();
  source.addEventListener("chunk", ({ data }) => {
    seen.push(JSON.parse(data).index);
    if (seen.length === 10) conn?.close();
  });
  source.addEventListener("done", () => ended.resolve());
  await ended.promise;
  source.close();
  proxy.close();
  await serving;
  assert.deepEqual(seen, Array.from({ length: 60 }, (_, i) => i));
  assert.equal(it.den.pools.get("default").stats.requests, 1);
});

Deno.test("a call goes on without its client, and its end stays for streamResumeMs", async () => {
  await using it = await serve();
  const reader = new SseReader();
  const body = numbers({ n: 30, delay: 0.01 });
  await requestRaw(it.port, { body }, reader, 200);
  await until(() => it.den.pools.get("default").stats.completed === 1, "the call ends");
  const { lastId } = reader;
  reader.cut();
  await requestRaw(it.port, { body, headers: { "last-event-id": lastId } }, reader);
  assert.equal(reader.events.length, 31);
  // The end was read, and can be read again until its time is over.
  const again = new SseReader();
  const last = reader.events.at(-2)?.id ?? "";
  await requestRaw(it.port, { body, headers: { "last-event-id": last } }, again);
  assert.deepEqual(again.events.map(({ event }) => event), ["done"]);
});

Deno.test("a call whose client does not come back is cancelled, and its stream is gone", async () => {
  await using it = await serve({ streamResumeMs: 200 });
  const reader = new SseReader();
  await requestRaw(it.port, { body: '{"tool":"endless"}' }, reader, 200);
  await until(() => it.den.pools.get("default").stats.cancelled === 1, "the call is cancelled");
  await until(() => it.traffic.streams.size === 0, "the stream is gone");
  assert.equal(it.traffic.streams.bytes, 0);
  let text = "";
  const sink = { push: (it: string) => void (text += it) };
  const headers = { "last-event-id": reader.lastId };
  const { head } = await requestRaw(it.port, { body: '{"tool":"endless"}', headers }, sink);
  assert.match(head, /^HTTP\/1.1 410/);
  assert.match(text, /"code":"stream_gone"/);
  assert.equal(it.den.pools.get("default").stats.requests, 1);
});

Deno.test("a stream without a reader fills its buffer, and then its tool waits", async () => {
  await using it = await serve({ streamReplayBytes: 65_536, streamWindowBytes: 16_384 });
  const reader = new SseReader();
  await requestRaw(it.port, { body: numbers({ n: 2_000, size: 1_000 }) }, reader, 500);
  await until(() => it.traffic.streams.bytes > 65_536, "the buffer is full");
  assert.ok(it.traffic.streams.bytes < 3 * 65_536, `${it.traffic.streams.bytes} bytes are kept`);
  assert.equal(it.den.pools.get("default").stats.completed, 0);
  const { lastId } = reader;
  reader.cut();
  await requestRaw(it.port, { body: "{}", headers: { "last-event-id": lastId } }, reader);
  assert.equal(reader.events.filter(({ event }) => event === "chunk").length, 2_000);
});

Deno.test("events that are no longer kept answer 410, and the tool does not run again", async () => {
  await using it = await serve({ streamReplayBytes: 1_024 });
  const reader = new SseReader();
  await requestRaw(it.port, { body: numbers({ n: 1_000, size: 100 }) }, reader);
  assert.equal(reader.events.length, 1_001);
  const first = reader.events[0]?.id ?? "";
  const { head } = await requestRaw(
    it.port,
    { body: "{}", headers: { "last-event-id": first } },
    new SseReader(),
  );
  assert.match(head, /^HTTP\/1.1 410/);
  assert.equal(it.den.pools.get("default").stats.requests, 1);
});

Deno.test("a second reader takes over from the first, and both together lose nothing", async () => {
  await using it = await serve();
  const first = new SseReader();
  const body = numbers({ n: 100, delay: 0.01 });
  const reading = requestRaw(it.port, { body }, first);
  await until(() => first.events.length > 5, "the first reader reads");
  const second = new SseReader();
  const from = first.lastId;
  const headers = { "last-event-id": from };
  await requestRaw(it.port, { body, headers }, second);
  await reading;
  assert.equal(first.events.some(({ event }) => event === "done"), false);
  // An EventSource would come back at once, and take the stream from the second reader.
  assert.deepEqual(first.retries, [15_000]);
  assert.deepEqual(second.retries, []);
  assert.equal(second.events.at(-1)?.event, "done");
  const begin = Number(from.split(":")[1]) + 1;
  const ids = second.events.map(({ id }) => Number(id.split(":")[1]));
  assert.deepEqual(ids, Array.from({ length: 101 - begin + 1 }, (_, i) => begin + i));
});

Deno.test("a client that has all events is told not to come back, as an EventSource does", async () => {
  await using it = await serve();
  const reader = new SseReader();
  await requestRaw(it.port, { body: numbers({ n: 3, delay: 0 }) }, reader);
  const path = `/v1/streams/${reader.lastId.split(":")[0]}`;
  const headers = { "last-event-id": reader.lastId };
  const { head } = await requestRaw(it.port, { method: "GET", path, headers }, new SseReader());
  assert.match(head, /^HTTP\/1.1 204/);
  const source = new EventSource(`http://127.0.0.1:${it.port}${path}`);
  const closed = Promise.withResolvers<void>();
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) closed.resolve();
  });
  await closed.promise;
  assert.equal(it.den.pools.get("default").stats.requests, 1);
});

Deno.test("HEAD /v1/streams/:id leaves the stream to its reader", async () => {
  await using it = await serve();
  const reader = new SseReader();
  const reading = requestRaw(it.port, { body: numbers({ n: 60, delay: 0.01 }) }, reader);
  await until(() => reader.events.length > 5, "the reader reads");
  const path = `/v1/streams/${reader.lastId.split(":")[0]}`;
  const url = `http://127.0.0.1:${it.port}${path}`;
  const { status, headers } = await fetch(url, { method: "HEAD" });
  assert.equal(status, 200);
  assert.equal(headers.get("snakeden-stream-id"), path.split("/").at(-1));
  await reading;
  assert.equal(reader.events.at(-1)?.event, "done");
  assert.equal((await fetch(`${url}x`, { method: "HEAD" })).status, 410);
});

Deno.test("a request for NDJSON or bytes with Last-Event-ID answers 410, and runs no tool", async () => {
  await using it = await serve();
  const reader = new SseReader();
  await requestRaw(it.port, { body: numbers({ n: 3, delay: 0 }) }, reader, 200);
  const body = numbers({ n: 3, delay: 0 });
  for (const accept of ["application/x-ndjson", "application/octet-stream"]) {
    for (const id of [reader.lastId, "7"]) {
      const headers = { accept, "last-event-id": id };
      const { head } = await requestRaw(it.port, { body, headers }, new SseReader());
      assert.match(head, /^HTTP\/1.1 410/);
    }
  }
  assert.equal(it.den.pools.get("default").stats.requests, 1);
});

Deno.test("DELETE /v1/streams/:id cancels at once, and a stream of another key is as if it were none", async () => {
  const apiKey = ["key-of-one-client-0123456789", "key-of-another-client-0123456789"];
  await using it = await serve({}, { apiKey });
  const [own = "", foreign = ""] = apiKey;
  const reader = new SseReader();
  const headers = { "x-api-key": own };
  await requestRaw(it.port, { body: '{"tool":"endless"}', headers }, reader, 200);
  const [id] = reader.lastId.split(":");
  const path = `/v1/streams/${id}`;
  const answers: string[] = [];
  const heads: string[] = [];
  for (
    const [method, at] of [
      ["GET", path],
      ["DELETE", path],
      ["GET", "/v1/streams/none"],
      ["DELETE", "/v1/streams/none"],
    ] as const
  ) {
    let text = "";
    const { head } = await requestRaw(
      it.port,
      { method, path: at, headers: { "x-api-key": foreign } },
      { push: (it) => void (text += it) },
    );
    heads.push(head.split("\r\n")[0] ?? "");
    answers.push(JSON.parse(text).detail.replace(id, "none"));
  }
  assert.deepEqual(new Set(heads), new Set(["HTTP/1.1 410 Gone"]));
  assert.equal(answers[0], answers[2]);
  assert.equal(answers[1], answers[3]);
  assert.equal(answers[1], 'Cannot end the stream "none": there is no such stream');
  assert.equal(it.den.pools.get("default").stats.cancelled, 0);
  const { head } = await requestRaw(it.port, { method: "DELETE", path, headers }, reader);
  assert.match(head, /^HTTP\/1.1 204/);
  await until(() => it.den.pools.get("default").stats.cancelled === 1, "the call is cancelled");
  assert.equal(it.traffic.streams.size, 0);
});

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  Deno.test(`a stream of ${accept} whose worker dies ends with what was delivered`, async () => {
    await using it = await serve({ streamResumeMs: 0 });
    let text = "";
    const body = JSON.stringify({ tool: "dies_after", args: { n: 5, how: "kill" } });
    const sink = { push: (it: string) => void (text += it) };
    await requestRaw(it.port, { body, headers: { accept } }, sink);
    const last = text.trimEnd().split("\n").at(-1) ?? "";
    const { code, details } = accept === "text/event-stream"
      ? JSON.parse(last.slice("data: ".length))
      : JSON.parse(last).data;
    assert.equal(code, "worker_crashed");
    assert.equal(details.chunks, 5);
    assert.equal(details.lastEventId, accept === "text/event-stream" ? "5" : undefined);
  });
}

Deno.test("POST /v1/execute shows the progress of a tool that does not stream, if events are accepted", async () => {
  await using it = await serve({ streamResumeMs: 0 });
  const reader = new SseReader();
  const body = JSON.stringify({ tool: "reports", args: { steps: 5, pause: 0.05 } });
  const headers = { accept: "text/event-stream" };
  const request = { path: "/v1/execute", body, headers };
  await requestRaw(it.port, request, reader);
  assert.ok(reader.events.some(({ event }) => event === "progress"));
  assert.equal(JSON.parse(reader.events.at(-1)?.data ?? "{}").result, 5);
});

Deno.test("without streamResumeMs a client that leaves cancels its call", async () => {
  await using it = await serve({ streamResumeMs: 0 });
  await requestRaw(it.port, { body: '{"tool":"endless"}' }, new SseReader(), 200);
  await until(() => it.den.pools.get("default").stats.cancelled === 1, "the call is cancelled");
});
