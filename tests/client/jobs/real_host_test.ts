/** Jobs of the client against real hosts: answers that are lost, cut events, and a killed host. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type JobEvent, SnakedenClient } from "../../../src/client/mod.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../../fixtures/host.ts";
import { deadUrl } from "../fake_host.ts";
import { API_KEY, serveSuite } from "../served.ts";

/** A client whose first answers to POST are lost after the host has given them. */
function losingClient(baseUrl: string, losses: number): SnakedenClient & { readonly lost: number } {
  let lost = 0;
  const client = new SnakedenClient({
    baseUrl,
    apiKey: API_KEY,
    retry: { minRestMs: 1, maxRestMs: 2 },
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (init?.method !== "POST" || lost === losses) return response;
      lost++;
      await response.body?.cancel();
      throw new TypeError("connection closed before message completed");
    },
  });
  return Object.defineProperty(client, "lost", { get: () => lost }) as never;
}

Deno.test("lost answers make no second job, of one submission and of a batch", async () => {
  await using host = await serveSuite();
  await using client = losingClient(host.url, 3);
  const job = await client.jobs.submit({ tool: "add", args: { a: 2, b: 3 }, tags: ["one"] });
  assert.deepEqual([client.lost, job.answer], [3, "created"]);
  assert.equal(await job.result(), 5);
  await using batch = losingClient(host.url, 1);
  const inputs = [1, 2, 3].map((a) => ({ tool: "add", args: { a, b: 0 }, tags: ["many"] }));
  const answers = await batch.jobs.submitMany(inputs);
  assert.deepEqual(answers.map(({ answer }) => answer), ["created", "created", "created"]);
  const { items: ones } = await client.jobs.list({ tag: "one" });
  assert.deepEqual(ones.map(({ id }) => id), [job.id]);
  const { items: many } = await client.jobs.list({ tag: "many" });
  assert.deepEqual(many.map(({ id }) => id).sort(), answers.map(({ id }) => id).sort());
  await using cancelling = losingClient(host.url, 1);
  const late = await client.jobs.submit({ tool: "ping", delayMs: 3_600_000 });
  assert.equal((await cancelling.jobs.cancel(late.id)).state, "cancelled");
});

/** A client whose events break off after a few pieces each. */
function cuttingClient(baseUrl: string): SnakedenClient & { readonly cuts: number } {
  let cuts = 0;
  const client = new SnakedenClient({
    baseUrl,
    apiKey: API_KEY,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!/\/(events|logs\?.*)$/.test(String(url)) || response.body === null) return response;
      let pieces = 0;
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform(piece, controller): void {
          // In the middle of an event.
          if (++pieces < 4) return controller.enqueue(piece);
          cuts++;
          controller.enqueue(piece.subarray(0, piece.length / 2));
          controller.error(new TypeError("broken on purpose"));
        },
      });
      return new Response(response.body.pipeThrough(cut), response);
    },
  });
  return Object.defineProperty(client, "cuts", { get: () => cuts }) as never;
}

Deno.test("events over connections that are cut again and again have each chunk once", async () => {
  await using host = await serveSuite();
  await using client = cuttingClient(host.url);
  const job = await client.jobs.submit({ tool: "counter", args: { n: 12, delay: 0.02 } });
  const events: JobEvent[] = [];
  for await (const event of job) events.push(event);
  const values = events.flatMap((it) => it.type === "chunk" ? [it.value] : []);
  assert.deepEqual(values, Array.from({ length: 12 }, (_, i) => i));
  assert.equal(events.filter(({ type }) => type === "end").length, 1);
  assert.ok(client.cuts > 0, `${client.cuts} cuts`);
});

Deno.test("a log over connections that are cut again and again has each line once", async () => {
  await using host = await serveSuite({
    pools: [{ name: "default", size: 1, adapter: "writes_logs", modulePaths: [ADAPTERS] }],
  });
  await using client = cuttingClient(host.url);
  const job = await client.jobs.submit({ tool: "write_slowly", args: { seconds: 1.5 } });
  const lines = await Array.fromAsync(job.logs());
  assert.deepEqual(lines.map(({ n }) => n), lines.map((_, i) => i + 1));
  const steps = lines.filter(({ source }) => source === "stdout").map(({ text }) => text);
  assert.deepEqual(steps, steps.map((_, i) => `step ${i}`));
  assert.ok(steps.length > 20 && client.cuts > 0, `${steps.length} steps, ${client.cuts} cuts`);
  await using plain = new SnakedenClient({ baseUrl: host.url, apiKey: API_KEY });
  assert.deepEqual(await Array.fromAsync(plain.jobs.logs(job.id, { follow: false })), lines);
  assert.deepEqual(await Array.fromAsync(plain.jobs.logs(job.id, { tail: 2 })), lines.slice(-2));
  const last = lines.length;
  assert.deepEqual(await Array.fromAsync(plain.jobs.logs(job.id, { after: last })), []);
  await assert.rejects(Array.fromAsync(plain.jobs.logs("nobody")), { code: "unknown_job" });
});

Deno.test("a handle waits for its job, and follows it, while its host is killed and started again", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  // The same port for both runs.
  const port = new URL(deadUrl()).port;
  const start = (): Promise<ServerProcess> =>
    ServerProcess.start({ dataDir, env: { SNAKEDEN_PORT: port } });
  const first = await start();
  await using client = new SnakedenClient({ baseUrl: first.url });
  const job = await client.jobs.submit({ tool: "add", args: { a: 2, b: 3 }, delayMs: 3_000 });
  const events = client.jobs.events(job.id);
  assert.equal((await events.next()).value?.type, "state");
  const last = (async () => {
    let type = "";
    for await (const event of events) type = event.type;
    return type;
  })();
  const result = job.result<number>();
  first.kill("SIGKILL");
  await first.finished();
  await using _second = await start();
  assert.equal(await result, 5);
  assert.equal(await last, "end");
});
