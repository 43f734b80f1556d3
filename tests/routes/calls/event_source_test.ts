/** Tests streams with a stock EventSource client, which reconnects whenever a stream ends. */
import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import { PythonError } from "../../../src/errors.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { createApp } from "../../../src/routes/mod.ts";
import { chunk, done, memoryEngine } from "../memory_engine.ts";

interface Seen {
  /** Names of the events that carried data, in order. */
  readonly events: readonly string[];
  /** Status of the answer to the attempt to reconnect. */
  readonly refusedWith: number | undefined;
  /** Calls that were made. */
  readonly calls: number;
}

/** Follows a stream with a client that never closes it, until the client gives up. */
async function follow(events: () => AsyncIterable<StreamEvent>): Promise<Seen> {
  const engine = memoryEngine({ events });
  const app = createApp(engine, { version: "1" });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const source = new EventSource(`http://127.0.0.1:${server.addr.port}/v1/stream`, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        method: "POST",
        headers: { ...init.headers, "content-type": "application/json" },
        body: '{"tool":"a"}',
      }),
  });
  const seen: string[] = [];
  for (const name of ["chunk", "progress", "done", "failed"]) {
    source.addEventListener(name, () => seen.push(name));
  }
  const { promise: refused, resolve } = Promise.withResolvers<number | undefined>();
  source.addEventListener("error", (event) => {
    if ("data" in event) seen.push("error");
    if (source.readyState === source.CLOSED) resolve(event.code);
  });
  try {
    return { refusedWith: await refused, events: seen, calls: engine.calls.length };
  } finally {
    source.close();
    await server.shutdown();
  }
}

Deno.test("POST /v1/stream runs its tool once for an EventSource that does not close at done", async () => {
  const seen = await follow(async function* (): AsyncGenerator<StreamEvent> {
    await Promise.resolve();
    yield chunk(1);
    yield done(2);
  });
  assert.deepEqual(seen, { events: ["chunk", "done"], refusedWith: 410, calls: 1 });
});

Deno.test("POST /v1/stream lets an EventSource tell a failure from a lost connection", async () => {
  const seen = await follow(async function* (): AsyncGenerator<StreamEvent> {
    await Promise.resolve();
    yield chunk(1);
    throw new PythonError("ValueError: no", { type: "ValueError", message: "no" });
  });
  assert.deepEqual(seen, { events: ["chunk", "failed"], refusedWith: 410, calls: 1 });
});
