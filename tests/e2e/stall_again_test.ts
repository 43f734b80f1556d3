/** Tests stalled calls that a policy repeats, and those whose client has left. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type ErrorCode, type Snakeden, SnakedenError } from "../../mod.ts";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const RETRY = { attempts: 3, baseMs: 1, capMs: 1, codes: ["stalled"] as ErrorCode[] };
const LIMIT = { stallTimeoutMs: 400 };

async function failureOf(call: Promise<unknown>): Promise<SnakedenError> {
  const error = await call.then((it) => assert.fail(`it returned ${it}`), (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

/** Returns how often a tool was called with a file. */
async function callsOf(path: string): Promise<number> {
  return (await Deno.readTextFile(path)).length;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a stalled call is repeated only if its code is listed and it is idempotent (${carrier})`, async () => {
    await using dir = await tempDir();
    await using den = await startDen({ adapter: "stalls", size: 2, carrier, retry: RETRY });
    const again = join(dir.path, "again");
    assert.equal(await den.execute("silent_at_first", { path: again }, LIMIT), 2);
    const once = join(dir.path, "once");
    const options = { ...LIMIT, idempotent: false };
    const call = den.execute("silent_at_first", { path: once }, options);
    assert.equal((await failureOf(call)).code, "stalled");
    assert.equal(await callsOf(once), 1);
    assert.equal(den.pools.get("default").policies?.retries, 1);
  });
}

Deno.test("a stalled call is not repeated by a retry policy that does not list it", async () => {
  await using dir = await tempDir();
  const { codes: _codes, ...retry } = RETRY;
  await using den = await startDen({ adapter: "stalls", size: 2, retry });
  const path = join(dir.path, "once");
  const error = await failureOf(den.execute("silent_at_first", { path }, LIMIT));
  assert.deepEqual([error.code, await callsOf(path)], ["stalled", 1]);
});

Deno.test("a stalled stream is repeated before its first chunk, and not after it", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ adapter: "stalls", size: 2, retry: RETRY });
  const before = { path: join(dir.path, "before"), after: 0 };
  const chunks = await Array.fromAsync(den.stream("stream_silent_at_first", before, LIMIT));
  assert.deepEqual([chunks, await callsOf(before.path)], [[0, 1, 2], 2]);
  const after = { path: join(dir.path, "after"), after: 1 };
  const seen: unknown[] = [];
  const error = await failureOf((async () => {
    for await (const it of den.stream("stream_silent_at_first", after, LIMIT)) seen.push(it);
  })());
  assert.deepEqual([error.code, seen, await callsOf(after.path)], ["stalled", [0], 1]);
});

/** The HTTP interface of a host whose streams are kept. */
interface Door extends Disposable {
  readonly den: Snakeden;
  stream(args: Record<string, unknown>, options: object): Promise<Response>;
  /** Resumes a stream after the last event that was read. */
  resume(text: string): Promise<string>;
}

function doorOf(den: Snakeden): Door {
  const traffic = new Traffic(den.config.limits).start();
  const app = createApp(den, { version: "0", traffic });
  return {
    den,
    stream: async (args, options) =>
      await app.request("/v1/stream", {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ tool: "chunks", args, ...options }),
      }),
    resume: async (text) => {
      const id = [...text.matchAll(/^id: (.+)\n/gm)].at(-1)?.[1] ?? "";
      const response = await app.request(`/v1/streams/${id.split(":")[0]}`, {
        headers: { "last-event-id": id },
      });
      assert.equal(response.status, 200);
      return await response.text();
    },
    [Symbol.dispose]: () => traffic[Symbol.dispose](),
  };
}

const KEPT = { streamResumeMs: 30_000, answerTimeoutMs: 1_000 };

Deno.test("a tool that falls silent after its client has left is stalled, which the client reads when it resumes", async () => {
  await using den = await startDen({ adapter: "stalls", size: 1 }, { limits: KEPT });
  using door = doorOf(den);
  const response = await door.stream({ steps: 3, pause: 0, then: 60 }, { stallTimeoutMs: 500 });
  assert.ok(response.body !== null);
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  await until(() => den.pools.get("default").stats.timedOut === 1, "the call to be stalled");
  const text = await door.resume(new TextDecoder().decode(value));
  assert.equal(text.match(/^event: chunk$/gm)?.length, 3);
  const failed = /^event: failed\ndata: (.+)$/m.exec(text)?.[1] ?? "{}";
  const { code, status, details } = JSON.parse(failed);
  assert.deepEqual([code, status, details.lastSign, details.chunks], ["stalled", 504, "chunk", 3]);
});

Deno.test("a client that reads nothing until answerTimeoutMs does not stall its tool, and goes on when it resumes", async () => {
  await using den = await startDen({ adapter: "stalls", size: 1 }, { limits: KEPT });
  using door = doorOf(den);
  // More than a stream keeps, so that the tool has to wait.
  const args = { steps: 80, pause: 0, size: 100_000 };
  const response = await door.stream(args, { stallTimeoutMs: 300 });
  assert.ok(response.body !== null);
  const reader = response.body.getReader();
  const { value } = await reader.read();
  const late = await reader.closed.then(() => "closed", (error: Error) => error.message);
  assert.equal(late, "Nobody reads the stream");
  assert.equal(den.pools.get("default").stats.timedOut, 0);
  assert.equal(den.pools.get("default").stats.completed, 0, "the tool waits for its reader");
  const text = await door.resume(new TextDecoder().decode(value));
  assert.equal(text.match(/^event: chunk$/gm)?.length, 80);
  assert.match(text, /^event: done$/m);
});
