/** Tests tools that write on the link of their worker. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const HOW: Readonly<Record<string, RegExp>> = {
  garbage: /broke the protocol of its link \(A frame of \d+ bytes was announced/,
  oversized: /broke the protocol of its link \(A frame of 4294967295 bytes was announced/,
  huge: /did not answer 3 heartbeats/,
  half: /did not answer 3 heartbeats|broke the protocol of its link/,
  empty: /broke the protocol of its link \(an empty frame\)/,
  undecodable: /broke the protocol of its link \(a frame cannot be decoded: /,
  ready: /broke the protocol of its link \(ready from a worker that is serving\)/,
  hello: /broke the protocol of its link \(hello from a worker that is serving\)/,
  "unknown result":
    /broke the protocol of its link \(an answer to the call 77, which is not open\)/,
};

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Link fails the call of a tool that writes on it within a bound, and no other (${carrier})`, async () => {
    await using den = await startDen({
      adapter: "breaks_protocol",
      carrier,
      poisonMs: 0,
      taintAfter: 0,
      heartbeat: { pingIntervalMs: 100, pingTimeoutMs: 300, maxMissed: 3 },
    });
    for (const [what, reason] of Object.entries(HOW)) {
      const error: unknown = await den.execute("write", { what }).catch((it: unknown) => it);
      assert.ok(error instanceof SnakedenError, String(error));
      assert.equal(error.code, "worker_crashed", what);
      // gRPC does not report what is wrong with its connection.
      if (carrier === "socket") assert.match(error.message, reason, what);
      assert.equal(await den.execute("fine"), "fine");
      await until(() => den.pools.list()[0]?.workers.ready === 2, "the pool to be whole");
    }
    const recent = den.pools.list()[0]?.crashes.recent;
    if (carrier === "socket") assert.ok((recent?.protocol_error ?? 0) >= 7, JSON.stringify(recent));
  });
}
