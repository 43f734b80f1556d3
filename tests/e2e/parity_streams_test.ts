/** The cases of streams, in their own words, with real workers on both carriers. */
import assert from "node:assert/strict";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`case 112, consumer stops early (halt): producer stops, cleanup runs, worker returned, over ${carrier}`, async () => {
    await using dir = await tempDir();
    const path = `${dir.path}/cleanup`;
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    const [worker] = den.workers.list();
    for await (const _chunk of den.stream("cleans_up", { path })) break;
    await until(async () => await Deno.readTextFile(path).catch(() => ""), "the cleanup runs");
    assert.equal(await den.execute("silent", { seconds: 0 }), "done");
    assert.equal(den.workers.list()[0]?.pid, worker?.pid);
    assert.equal(den.pools.get("default").stats.cancelled, 1);
  });

  Deno.test(`case 113, consumer process/connection killed: as 112, over ${carrier}`, async () => {
    await using dir = await tempDir();
    const path = `${dir.path}/cleanup`;
    await using den = await startDen({ adapter: "stalls", size: 1, carrier });
    using traffic = new Traffic(den.config.limits).start();
    const app = createApp(den, { version: "1", traffic });
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      app.fetch,
    );
    const [worker] = den.workers.list();
    const body = JSON.stringify({ tool: "cleans_up", args: { path } });
    const client = new Deno.Command("curl", {
      args: [
        "-sN",
        `http://127.0.0.1:${server.addr.port}/v1/stream`,
        "-H",
        "content-type: application/json",
        "-d",
        body,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = client.stdout.getReader();
    assert.equal((await output.read()).done, false);
    client.kill("SIGKILL");
    await client.status;
    await output.cancel();
    await until(async () => await Deno.readTextFile(path).catch(() => ""), "the cleanup runs");
    assert.equal(await den.execute("silent", { seconds: 0 }), "done");
    assert.equal(den.workers.list()[0]?.pid, worker?.pid);
    assert.equal(den.pools.get("default").stats.cancelled, 1);
  });

  Deno.test(`case 114, streams queue like unary calls when all are busy, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "stalls", size: 1, queueLimit: 1, carrier });
    const running = den.stream("chunks", { steps: 2, pause: 0.3 }).events();
    await running.next();
    const queued = Array.fromAsync(den.stream("chunks", { steps: 3, pause: 0 }));
    await until(() => den.pools.get("default").queued === 1, "the stream waits");
    const refused = den.stream("chunks", { steps: 1, pause: 0 });
    await assert.rejects(Array.fromAsync(refused), { code: "pool_saturated" });
    while (!(await running.next()).done);
    assert.equal((await queued).length, 3);
    assert.equal(den.pools.get("default").stats.completed, 2);
  });
}
