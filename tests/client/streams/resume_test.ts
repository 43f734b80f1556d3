import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { clientOf, events, fakeHost, problem } from "../fake_host.ts";

const DONE = '{"result":"end","callId":"c","workerId":"w","durationMs":1,"queueMs":0}';

function event(name: string, data: string, id: string): string {
  return `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`;
}

/** Reads a stream to its end or error. */
async function read(
  chunks: AsyncIterable<unknown>,
): Promise<{ chunks: unknown[]; error: unknown }> {
  const list: unknown[] = [];
  try {
    for await (const chunk of chunks) list.push(chunk);
  } catch (error) {
    return { chunks: list, error };
  }
  return { chunks: list, error: undefined };
}

Deno.test("a stream whose host keeps it is resumed after its last event, without loss or repeats", async () => {
  let resumes = 0;
  await using host = fakeHost((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/v1/stream") {
      return events(event("chunk", "0", "s-7:1") + event("chunk", "1", "s-7:2"), "breaks");
    }
    assert.equal(pathname, "/v1/streams/s-7");
    const after = request.headers.get("last-event-id");
    switch (++resumes) {
      case 1:
        // An event that was seen already, and an id without one.
        assert.equal(after, "s-7:2");
        return events(event("chunk", "1", "s-7:2") + event("chunk", "2", "s-7:3"), "closes");
      case 2:
        assert.equal(after, "s-7:3");
        return problem(503, "server_busy");
      case 3:
        return new Response("<html>", { status: 502 });
      default:
        assert.equal(after, "s-7:3");
        return events(event("progress", "[1]", "s-7:4") + event("done", DONE, "s-7:5"), "closes");
    }
  });
  await using client = clientOf([host.url]);
  const stream = client.stream("x");
  const { chunks, error } = await read(stream);
  assert.equal(error, undefined);
  assert.deepEqual(chunks, [0, 1, 2]);
  assert.equal(await stream.result, "end");
});

Deno.test("a stream that the host does not keep fails with the chunks that were delivered", async (t) => {
  for (const end of ["breaks", "closes"] as const) {
    await t.step(end, async () => {
      await using host = fakeHost(() =>
        events(event("chunk", "0", "1") + event("progress", "{}", "2"), end)
      );
      await using client = clientOf([host.url]);
      const stream = client.stream("x");
      const { chunks, error } = await read(stream);
      assert.deepEqual(chunks, [0]);
      assert.ok(error instanceof SnakedenError);
      assert.equal(error.code, "connection_lost");
      assert.deepEqual([error.details.delivered, error.details.mayHaveRun], [1, true]);
      assert.match(error.message, /broke off after 1 chunks were delivered/);
      await assert.rejects(stream.result, error);
      assert.equal(host.requests.length, 1);
    });
  }
});

Deno.test("a stream that is gone fails with stream_gone and the chunks that were delivered", async () => {
  await using host = fakeHost((request) =>
    request.method === "POST"
      ? events(event("chunk", "0", "s:1"), "breaks")
      : problem(410, "stream_gone", { retryable: false })
  );
  await using client = clientOf([host.url]);
  const { chunks, error } = await read(client.stream("x"));
  assert.deepEqual(chunks, [0]);
  assert.ok(error instanceof SnakedenError);
  assert.deepEqual([error.code, error.details.delivered], ["stream_gone", 1]);
});

Deno.test("a failed event is the error of the call", async () => {
  const failed = JSON.stringify({
    code: "python_exception",
    detail: "ValueError: no",
    python: { type: "ValueError", message: "no" },
    requestId: "r",
  });
  await using host = fakeHost(() => events(event("failed", failed, "1"), "closes"));
  await using client = clientOf([host.url]);
  const { error } = await read(client.stream("x"));
  assert.ok(error instanceof SnakedenError);
  assert.deepEqual([error.name, error.code, error.requestId], [
    "PythonError",
    "python_exception",
    "r",
  ]);
});

Deno.test("a stream that is answered with a page is an unexpected_answer", async () => {
  await using host = fakeHost(() => new Response("<html>"));
  await using client = clientOf([host.url]);
  const { error } = await read(client.stream("x"));
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "unexpected_answer");
});

Deno.test("the body of a stream is read only as far as the loop asks", async () => {
  const size = 64 * 1024;
  let sent = 0;
  const left = Promise.withResolvers<void>();
  await using host = fakeHost(() => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller): void {
        const text = event("chunk", JSON.stringify("x".repeat(size)), String(++sent));
        controller.enqueue(new TextEncoder().encode(text));
      },
      cancel: () => left.resolve(),
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  await using client = clientOf([host.url]);
  const chunks = client.stream<string>("x")[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value?.length, size);
  // What the sockets and buffers between hold is bounded, so the host stops by itself.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent * size < 32 * 1024 * 1024, `${sent} chunks were sent for one that was read`);
  await chunks.return(undefined);
  await left.promise;
});

Deno.test("changes() reconnects after the last change, and ends when the session has gone", async () => {
  let connections = 0;
  await using host = fakeHost((request) => {
    if (!request.url.endsWith("/events")) return Response.json({ id: "s" });
    const after = request.headers.get("last-event-id");
    switch (++connections) {
      case 1:
        assert.equal(after, null);
        return events(
          `: following\nid: p0\n\n${event("set", '{"name":"a","version":1}', "p1")}`,
          "breaks",
        );
      case 2:
        assert.equal(after, "p1");
        return events("id: p2\n\n", "closes");
      case 3:
        assert.equal(after, "p2");
        return problem(503, "shutting_down");
      case 4:
        assert.equal(after, "p2");
        return events(event("deleted", '{"name":"a","version":2}', "p3"), "closes");
      default:
        return problem(404, "unknown_session", { retryable: false });
    }
  });
  await using client = clientOf([host.url]);
  const { variables } = await client.sessions.get("s");
  const seen: unknown[] = [];
  for await (const change of variables.changes()) seen.push(change);
  assert.deepEqual(seen, [
    { kind: "set", position: "p1", name: "a", version: 1 },
    { kind: "deleted", position: "p3", name: "a", version: 2 },
  ]);
  assert.equal(connections, 5);
});

Deno.test("a stream that is cut before its first event is resumed by the id of its answer", async () => {
  await using host = fakeHost((request) => {
    if (request.method === "POST") {
      const answer = events(": heartbeat\n\n", "breaks");
      answer.headers.set("snakeden-stream-id", "s-1");
      return answer;
    }
    assert.equal(request.headers.get("last-event-id"), "s-1:0");
    return events(event("chunk", "0", "s-1:1") + event("done", DONE, "s-1:2"), "closes");
  });
  await using client = clientOf([host.url]);
  assert.deepEqual(await read(client.stream("x")), { chunks: [0], error: undefined });
});

Deno.test("leaving a stream that the host keeps cancels its call there, and no other stream asks for it", async (t) => {
  for (const [id, asked] of [["s-1:", ["POST", "DELETE"]], ["", ["POST"]]] as const) {
    await t.step(id === "" ? "not kept" : "kept", async () => {
      const methods: string[] = [];
      await using host = fakeHost((request) => {
        methods.push(request.method);
        if (request.method === "POST") return events(event("chunk", "0", `${id}1`), "closes");
        assert.equal(new URL(request.url).pathname, "/v1/streams/s-1");
        return new Response(null, { status: 204 });
      });
      await using client = clientOf([host.url]);
      for await (const chunk of client.stream("x")) {
        assert.equal(chunk, 0);
        break;
      }
      assert.deepEqual(methods, asked);
    });
  }
});

Deno.test("a stream that is cut again before an event of its new connection goes on after the same event", async () => {
  const after: (string | null)[] = [];
  await using host = fakeHost((request) => {
    if (request.method === "POST") {
      const answer = events(event("chunk", "0", "s:1") + "id: s:2\nevent: chunk\n", "breaks");
      answer.headers.set("snakeden-stream-id", "s");
      return answer;
    }
    after.push(request.headers.get("last-event-id"));
    switch (after.length) {
      case 1:
        return events(": heartbeat\n\n", "breaks");
      case 2:
        return events("", "closes");
      default:
        return events(event("chunk", "1", "s:2") + event("done", DONE, "s:3"), "closes");
    }
  });
  await using client = clientOf([host.url]);
  assert.deepEqual(await read(client.stream("x")), { chunks: [0, 1], error: undefined });
  assert.deepEqual(after, ["s:1", "s:1", "s:1"]);
});
