/** Tests that what a program began with the token of its job ends with the attempt. */
import assert from "node:assert/strict";
import { serveHeld } from "../fixtures/held_den.ts";
import { until } from "../fixtures/until.ts";
import { SocketClient } from "../routes/socket/socket_client.ts";

const SLEEP = { tool: "sleep", args: { seconds: 3_600 }, timeoutMs: 3_600_000 };

Deno.test("all calls of a token are cancelled when its attempt ends, and no others", async () => {
  await using on = await serveHeld();
  const busy = (): number => on.den.workers.list().filter((it) => it.state === "busy").length;
  const call = on.post("/v1/execute", SLEEP);
  await using socket = await SocketClient.open(on.url, {
    headers: { authorization: `Bearer ${on.token}` },
  });
  socket.send({ type: "call", id: 1, ...SLEEP });
  // A call of somebody else.
  const leaving = new AbortController();
  const other = on.den.execute("sleep", { seconds: 3_600 }, { signal: leaving.signal });
  other.catch(() => {});
  await until(() => busy() === 3, "three calls to run");
  const queued = on.post("/v1/execute", SLEEP);
  await until(() => on.den.pools.get("default").queued === 1, "a call to wait");
  on.end();
  for (const answer of [await call, await queued]) {
    assert.equal(answer.status, 499);
    const { code, detail } = await answer.json();
    assert.equal(code, "cancelled");
    assert.match(detail, new RegExp(`attempt 1 of the job ${on.jobId}.* has ended`));
  }
  const { code, reason } = await socket.closed;
  assert.deepEqual([code, reason], [1008, "the attempt of the job has ended"]);
  await until(() => busy() === 1, "two workers to be free");
  assert.equal(on.den.pools.get("default").queued, 0);
  leaving.abort();
  await assert.rejects(other);
});

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  Deno.test(`a stream of a token ends with its attempt, as ${accept}`, async () => {
    await using on = await serveHeld();
    const args = { n: 1_000_000, delay: 0.01 };
    const answer = await on.post("/v1/stream", { tool: "counter", args }, { accept });
    assert.equal(answer.status, 200);
    // Nobody may come back for it, since the token is gone.
    assert.equal(answer.headers.get("snakeden-stream-id"), null);
    assert.ok(answer.body !== null);
    let text = "";
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      if (text === "") on.end();
      text += part;
    }
    await until(
      () => on.den.workers.list().every((it) => it.state !== "busy"),
      "the worker to be free",
    );
  });
}

Deno.test("whoever follows a job with a token hears no more when its attempt ends", async () => {
  await using on = await serveHeld();
  const headers = { authorization: `Bearer ${on.token}` };
  const get = (path: string): Promise<Response> =>
    fetch(`${on.url}/v1/jobs/${on.jobId}${path}`, { headers });
  const events = await get("/events");
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader?.read())?.value ?? "", /./);
  const logs = await get("/logs");
  const waiting = get("?wait=300");
  await until(() => on.den.jobs.tokens.size === 1, "the token");
  on.end();
  while (!(await reader?.read())?.done);
  await logs.text();
  assert.ok([401, 499].includes((await waiting).status));
  await (await waiting).body?.cancel();
});
