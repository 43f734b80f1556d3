/** Tests the limit of silence of host tools and programs, with real workers on both carriers. */
import assert from "node:assert/strict";
import { z } from "zod";
import { defineTool, type Snakeden, SnakedenError, type SnakedenOptions } from "../../mod.ts";
import { SnakedenClient } from "../../src/client/mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { startDen } from "../fixtures/host.ts";

/** Long enough for no test to reach it. */
const NEVER = new Promise<never>(() => {});

/** The reasons for which calls of `silent` were aborted. */
const aborted: unknown[] = [];
const silent = defineTool({
  name: "silent_host",
  expose: "all",
  exposeHttp: true,
  stallTimeoutMs: 200,
  run: (_args, { signal }) => {
    signal.addEventListener("abort", () => aborted.push(signal.reason));
    return NEVER;
  },
});
const slow = defineTool({ name: "slow", expose: "all", stallTimeoutMs: 1_500, run: () => NEVER });
const endless = defineTool({ name: "endless", exposeHttp: true, run: () => NEVER });
const falls = defineTool({
  name: "falls",
  expose: "all",
  stallTimeoutMs: 200,
  async *run(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    await NEVER;
  },
});
/** Calls `silent` of Python for longer than its own limit, in one of the ways. */
const relay = defineTool({
  name: "relay",
  expose: "all",
  stallTimeoutMs: 300,
  input: z.object({ way: z.enum(["call", "den", "stream", "program"]), then: z.number() }),
  run: async ({ way, then }, call) => {
    const args = { seconds: 0.9 };
    if (way === "call") await call.execute("silent", args);
    if (way === "den") await relayed().execute("silent", args);
    if (way === "program") await relayed().programs.run("rests");
    if (way === "stream") await Array.fromAsync(call.stream("silent", args));
    if (then > 0) await NEVER;
    return way;
  },
});
let relayedBy: Snakeden | undefined;
function relayed(): Snakeden {
  assert.ok(relayedBy !== undefined);
  return relayedBy;
}

interface Options {
  readonly adapter?: string;
  readonly carrier?: "socket" | "grpc";
  readonly hostTools?: NonNullable<SnakedenOptions["hostTools"]>;
}

async function start(
  { adapter = "stalls", carrier = "socket", hostTools = [silent, slow, endless, falls, relay] }:
    Options = {},
): Promise<Snakeden> {
  const pool = { adapter, size: 2, carrier };
  return relayedBy = await startDen(pool, { hostTools: [...hostTools] });
}

async function failureOf(call: Promise<unknown>): Promise<SnakedenError> {
  const error = await call.then((it) => assert.fail(`it returned ${it}`), (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

Deno.test("a silent host tool is aborted and fails with stalled, by execute, call and stream", async () => {
  await using den = await start();
  aborted.length = 0;
  const failures = await Promise.all([
    failureOf(den.execute("silent_host")),
    failureOf(den.call("silent_host")),
    failureOf(Array.fromAsync(den.stream("silent_host"))),
    failureOf(den.execute("endless", {}, { stallTimeoutMs: 200 })),
  ]);
  for (const { code, details } of failures) {
    assert.deepEqual(
      [code, details["lastSign"], details["stallTimeoutMs"], details["workerId"]],
      ["stalled", "start", 200, "host"],
    );
  }
  assert.deepEqual(aborted, failures.slice(0, 3), "each signal has the error of its call");
  const seen: unknown[] = [];
  const error = await failureOf((async () => {
    for await (const chunk of den.stream("falls")) seen.push(chunk);
  })());
  assert.deepEqual([error.code, error.details["lastSign"], seen], ["stalled", "chunk", [1, 2]]);
  assert.equal(den.tools.list().find(({ name }) => name === "falls")?.stallTimeoutMs, 200);
});

Deno.test("a reader that pauses does not stall the stream of a host tool", async () => {
  const large = defineTool({
    name: "large",
    stallTimeoutMs: 200,
    async *run(): AsyncGenerator<string> {
      for (let i = 0; i < 30; i++) yield await Promise.resolve("x".repeat(100_000));
    },
  });
  await using den = await start({ hostTools: [large, endless] });
  const events = den.stream("large").events();
  await events.next();
  // Another call, with a longer limit, is the clock.
  await failureOf(den.execute("endless", {}, { stallTimeoutMs: 600 }));
  let chunks = 1;
  for await (const event of events) if (event.type === "chunk") chunks++;
  assert.equal(chunks, 30);
});

Deno.test("time does not count while a host tool waits for a tool that it calls, and the end of that is a sign", async () => {
  await using den = await start();
  await den.programs.put("rests", { tool: "silent", args: { seconds: 0.9 } });
  for (const way of ["call", "den", "stream", "program"] as const) {
    assert.equal(await den.execute("relay", { way, then: 0 }), way);
    const { code, details } = await failureOf(den.execute("relay", { way, then: 1 }));
    assert.deepEqual([code, details["lastSign"]], ["stalled", "ask"], way);
  }
});

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Python gets stalled from a host tool that is silent, called or streamed (${carrier})`, async () => {
    await using den = await start({ adapter: "calls_host_tools:CallsHostTools", carrier });
    for (const name of ["silent_host", "falls"]) {
      const { code, message, details } = await den.execute<Record<string, unknown>>("code_of", {
        name,
        args: {},
      });
      assert.equal(code, "stalled");
      assert.match(String(message), new RegExp(`^Cannot finish ${name}: it has shown nothing for`));
      assert.equal((details as Record<string, unknown>).workerId, "host");
    }
    // The silence of the tool in Python does not count meanwhile, though its limit is shorter.
    const error = await failureOf(
      den.execute("call", { name: "slow", args: {} }, { stallTimeoutMs: 1_000 }),
    );
    assert.equal(error.code, "python_exception");
    assert.equal((error.details["cause"] as { code: string }).code, "stalled");
  });
}

Deno.test("a program has a stallTimeoutMs, which that of a run replaces, by the library, HTTP and SnakedenClient", async () => {
  await using den = await start();
  const app = createApp(den, { version: "0" });
  await using client = new SnakedenClient({
    baseUrl: "http://localhost",
    fetch: async (input: string | URL | Request, init?: RequestInit) =>
      await app.request(new Request(input, init)),
  });
  const session = await den.sessions.open("s1");
  const args = { seconds: 60 };
  const limitOf = async (run: Promise<unknown>): Promise<unknown> => {
    const error = await failureOf(run);
    assert.equal(error.code, "stalled");
    return error.details["stallTimeoutMs"];
  };
  await den.programs.put("py", { tool: "silent", args, stallTimeoutMs: 200 });
  await client.programs.put("host", { tool: "endless", stallTimeoutMs: 200 });
  await session.programs.put("host", { tool: "endless", stallTimeoutMs: 150 });
  assert.equal((await client.programs.get("py")).stallTimeoutMs, 200);
  assert.equal((await den.programs.get("host")).stallTimeoutMs, 200);
  for (const name of ["py", "host"]) {
    for (const { programs } of [den, client]) {
      assert.equal(await limitOf(programs.run(name)), 200);
      assert.equal(await limitOf(programs.call(name, {}, { stallTimeoutMs: 100 })), 100);
    }
    assert.equal(await limitOf(Array.fromAsync(den.programs.stream(name))), 200);
    for (const [body, limit] of [[{}, 200], [{ stallTimeoutMs: 100 }, 100]] as const) {
      const response = await app.request(`/v1/programs/${name}/run`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const { code, details } = await response.json();
      assert.deepEqual([response.status, code], [504, "stalled"]);
      assert.equal(details.stallTimeoutMs, limit);
    }
  }
  assert.equal(await limitOf(den.programs.run("host", {}, { sessionId: "s1" })), 150);
  // 0 of a run takes the limit away.
  const rests = { seconds: 0.6 };
  assert.equal(await den.programs.run("py", rests, { stallTimeoutMs: 0 }), "done");
  await assert.rejects(
    den.programs.put("wrong", { tool: "silent", stallTimeoutMs: -1 }),
    { code: "invalid_input", message: /stallTimeoutMs: given -1; allowed/ },
  );
});

Deno.test("POST /v1/execute and /v1/stream of a host tool take stallTimeoutMs", async () => {
  await using den = await start();
  const app = createApp(den, { version: "0" });
  const post = (path: string, tool: string): Promise<Response> =>
    Promise.resolve(app.request(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool, stallTimeoutMs: 100 }),
    }));
  for (const tool of ["endless", "silent_host"]) {
    const response = await post("/v1/execute", tool);
    const { code, details } = await response.json();
    assert.deepEqual([response.status, code], [504, "stalled"]);
    assert.equal(details.stallTimeoutMs, 100);
  }
  const text = await (await post("/v1/stream", "endless")).text();
  assert.match(text, /"stalled"/);
});
