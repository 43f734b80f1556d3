import assert from "node:assert/strict";
import { OpenPings } from "../../src/bridge/open_pings.ts";

const { signal } = new AbortController();

Deno.test("OpenPings.ping() sends, and resolves with the time when its own pong comes", async () => {
  const pings = new OpenPings();
  const sent: number[] = [];
  const ended: number[] = [];
  const ping = (id: number): Promise<unknown> =>
    pings.ping(id, { send: () => sent.push(id), signal }).then((ms) => {
      assert.ok(ms >= 0);
      ended.push(id);
    });
  const both = [ping(1), ping(2)];
  assert.deepEqual(sent, [1, 2]);
  pings.answered(2);
  await both[1];
  assert.deepEqual([ended, pings.has(1), pings.has(2)], [[2], true, false]);
  pings.answered(1);
  await both[0];
});

Deno.test("OpenPings.ping() rejects with the reason of its signal, and its pong may still come", async () => {
  const pings = new OpenPings();
  const leaving = new AbortController();
  const pinging = pings.ping(1, { send: () => {}, signal: leaving.signal });
  leaving.abort(new Error("left"));
  await assert.rejects(pinging, /left/);
  assert.ok(pings.has(1), "a worker that answers it would be in breach");
  pings.answered(1);
  assert.ok(!pings.has(1));
});

Deno.test("OpenPings.failAll() rejects every open ping", async () => {
  const pings = new OpenPings();
  const pinging = [1, 2].map((id) => pings.ping(id, { send: () => {}, signal }));
  pings.failAll(new Error("lost"));
  for (const it of pinging) await assert.rejects(it, /lost/);
});
