/** Tests host tools that programs, clients of HTTP and other host tools call. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { defineTool, type HostToolCall, type Snakeden, SnakedenError } from "../../mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const lookup = defineTool({
  name: "lookup",
  description: "Finds a customer.",
  input: z.object({ id: z.number() }),
  exposeHttp: true,
  run: ({ id }) => ({ name: `customer ${id}` }),
});
const hidden = defineTool({ name: "hidden", run: () => "seen" });
const count = defineTool({
  name: "count",
  input: z.object({ n: z.number() }),
  exposeHttp: true,
  async *run({ n }, call): AsyncGenerator<number, string> {
    for (let i = 0; i < n; i++) {
      call.progress({ at: i });
      yield i;
    }
    return "over";
  },
});

function start(
  hostTools = [lookup, hidden, count] as NonNullable<Options["hostTools"]>,
): Promise<Snakeden> {
  return startDen(
    { size: 1, adapter: "calls_host_tools:CallsHostTools" },
    { hostTools: [...hostTools] },
  );
}

type Options = NonNullable<Parameters<typeof startDen>[1]>;

/** Sends a request to the HTTP interface of a host. */
async function post(
  den: Snakeden,
  path: string,
  body: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const app = createApp(den, { version: "0" });
  const response = await app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

Deno.test("den.execute(), call() and stream() run host tools by name", async () => {
  await using den = await start();
  assert.deepEqual(await den.execute("lookup", { id: 3 }), { name: "customer 3" });
  assert.equal(await den.execute("hidden"), "seen");
  const outcome = await den.call("lookup", { id: 4 });
  assert.deepEqual(outcome.value.decode(), { name: "customer 4" });
  assert.deepEqual([outcome.workerId, outcome.queueMs], ["host", 0]);
  assert.match(outcome.callId, /^host-/);
  assert.deepEqual(await den.execute("count", { n: 3 }), [0, 1, 2]);
  const stream = den.stream<number>("count", { n: 5_000 });
  const chunks: number[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks, [...Array(5_000).keys()]);
  assert.equal(await stream.result, "over");
  const one: unknown[] = [];
  for await (const chunk of den.stream("lookup", { id: 5 })) one.push(chunk);
  assert.deepEqual(one, [{ name: "customer 5" }], "the result of a tool that does not stream");
  const kinds = new Set<string>();
  for await (const { type } of den.stream("count", { n: 2 }).events()) kinds.add(type);
  assert.deepEqual([...kinds].sort(), ["chunk", "done", "progress"]);
});

Deno.test("den.execute() of a host tool keeps to its options", async () => {
  const calls: HostToolCall[] = [];
  const hang = defineTool({
    name: "hang",
    run: (_args, call) => {
      calls.push(call);
      return new Promise(() => {});
    },
  });
  await using den = await start([hang, lookup]);
  await assert.rejects(den.execute("hang", {}, { timeoutMs: 20, sessionId: "s1" }), {
    code: "deadline_exceeded",
    stage: "tool",
  });
  assert.deepEqual([calls[0]?.sessionId, calls[0]?.pool, calls[0]?.depth], ["s1", undefined, 0]);
  const leaving = new AbortController();
  const left = den.execute("hang", {}, { signal: leaving.signal });
  await until(() => calls.length === 2, "the tool to run");
  leaving.abort(new Error("gone"));
  await assert.rejects(left, { message: "gone" });
  assert.ok(calls.every(({ signal }) => signal.aborted));
  await assert.rejects(den.execute("hang", {}, { signal: leaving.signal }), { message: "gone" });
  await assert.rejects(den.execute("hang", {}, { timeoutMs: -1 }), { code: "invalid_input" });
  await assert.rejects(den.execute("lookup", { id: "3" }), {
    code: "invalid_arguments",
    message: "Cannot call lookup: args.id: Invalid input: expected number, received string",
  });
  await assert.rejects(den.execute("lookup", { id: () => 1 }), { code: "invalid_value" });
  await assert.rejects(den.execute("lookupp", { id: 1 }), {
    code: "unknown_tool",
    message: /did you mean "lookup"\?/,
  });
});

Deno.test("the reader of a stream of a host tool makes it pause, and closes it by leaving", async () => {
  let made = 0;
  let closed = false;
  const large = defineTool({
    name: "large",
    async *run(): AsyncGenerator<string> {
      try {
        for (;;) yield "x".repeat(100_000 + made++ % 10);
      } finally {
        closed = true;
      }
    },
  });
  await using den = await start([large]);
  for await (const _chunk of den.stream("large")) {
    if (made > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    break;
  }
  // The window of a stream is 1 MiB.
  assert.ok(made <= 13, `${made} chunks were made`);
  await until(() => closed, "the generator to be closed");
});

Deno.test("a chunk of a host tool that cannot be sent ends its stream, and closes its generator", async () => {
  let closed = false;
  const wrong = defineTool({
    name: "wrong",
    async *run(_args, { signal }): AsyncGenerator<unknown> {
      try {
        yield 1;
        yield () => 2;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      } finally {
        closed = true;
      }
    },
  });
  await using den = await start([wrong]);
  const chunks: unknown[] = [];
  await assert.rejects(async () => {
    for await (const chunk of den.stream("wrong")) chunks.push(chunk);
  }, { code: "host_tool_failed", message: /a function cannot be sent/ });
  assert.deepEqual(chunks, [1]);
  await until(() => closed, "the generator to be closed");
});

Deno.test("den.execute() throws the error of a host tool as it is, also if that is frozen", async () => {
  const error = Object.freeze(new SnakedenError("invalid_input", "as it is"));
  const frozen = defineTool({
    name: "frozen",
    run: () => {
      throw error;
    },
  });
  await using den = await start([frozen]);
  await assert.rejects(den.execute("frozen"), (thrown) => thrown === error);
});

Deno.test("a host tool can be called over HTTP when exposeHttp says so, else it is as missing", async () => {
  await using den = await start();
  const ok = await post(den, "/v1/execute", { tool: "lookup", args: { id: 3 } });
  assert.equal(ok.status, 200, ok.text);
  const { result, workerId } = JSON.parse(ok.text);
  assert.deepEqual([result, workerId], [{ name: "customer 3" }, "host"]);
  const streamed = await post(den, "/v1/stream", { tool: "count", args: { n: 2 } });
  assert.match(streamed.text, /event: chunk\ndata: 0\n[^]*event: done\ndata: \{"result":"over"/);
  const wrong = await post(den, "/v1/execute", { tool: "lookup", args: { idd: 3 } });
  assert.equal(wrong.status, 422, wrong.text);
  const problems: unknown[] = [];
  for (const tool of ["hidden", "missin"]) {
    for (const path of ["/v1/execute", "/v1/stream"]) {
      const { status, text } = await post(den, path, { tool });
      const { requestId: _requestId, instance: _instance, ...problem } = JSON.parse(text);
      problems.push([status, JSON.stringify(problem).replaceAll(tool, "NAME")]);
    }
  }
  assert.equal(new Set(problems.map((it) => JSON.stringify(it))).size, 1, problems.join("\n"));
  assert.ok(!String(problems[0]).includes("hidden"));
  await den.programs.put("trick", { tool: "hidden", args: {} });
  assert.equal(await den.programs.run("trick"), "seen");
  const run = await post(den, "/v1/programs/trick/run", {});
  assert.equal(run.status, 404, run.text);
});

Deno.test("host tools are listed in /v1/tools with runsIn host, and OpenAPI has those of HTTP", async () => {
  await using den = await start();
  const app = createApp(den, { version: "0" });
  const { tools } = await (await app.request("/v1/tools")).json() as {
    tools: { name: string; runsIn: string; pool?: string; exposeHttp?: boolean }[];
  };
  const listed = (name: string): unknown[] => {
    const { runsIn, pool, exposeHttp } = tools.find((it) => it.name === name) ?? {};
    return [runsIn, pool, exposeHttp];
  };
  assert.deepEqual(listed("lookup"), ["host", undefined, true]);
  assert.deepEqual(listed("hidden"), ["host", undefined, false]);
  assert.deepEqual(listed("names"), ["worker", "default", undefined]);
  assert.equal(den.tools.find("lookup")?.runsIn, "host");
  assert.equal(den.tools.find("lookup", "default"), undefined);
  const document = await (await app.request("/openapi.json")).json();
  const schemas = Object.keys(document.components.schemas);
  assert.ok(schemas.includes("args.HOST.lookup"), schemas.join());
  assert.ok(!schemas.some((it) => it.includes("hidden")), schemas.join());
});

Deno.test("a tool of the host and one of a pool with the same name are told apart by the pool", async () => {
  await using den = await start([]);
  const registration = den.tools.register(defineTool({ name: "names", run: () => "of the host" }));
  assert.equal(await den.execute("names"), "of the host");
  assert.deepEqual(await den.execute("names", {}, { pool: "default" }), []);
  const overHttp = await post(den, "/v1/execute", { tool: "names" });
  assert.deepEqual(JSON.parse(overHttp.text).result, [], "it is not exposed there");
  registration.unregister();
  assert.deepEqual(await den.execute("names"), []);
});

Deno.test("Snakeden.start() refuses wrong host tools, and leaves nothing behind", async () => {
  await assert.rejects(start([lookup, lookup]), { code: "tool_exists" });
  await assert.rejects(start([{ name: ".x", run: () => 1 }]), { code: "invalid_tool" });
});

Deno.test("den.stop() lets a host tool finish, and ends it when the drain is over", async () => {
  for (const [drainMs, outcome] of [[10_000, "done"], [10, "shutting_down"]] as const) {
    const gate = Promise.withResolvers<string>();
    const wait = defineTool({ name: "wait", run: () => gate.promise });
    await using den = await start([wait]);
    const ended = den.execute("wait").catch((error) => error.code);
    const stopped = den.stop({ drainMs });
    await assert.rejects(den.execute("wait"), { code: "shutting_down" });
    if (outcome === "done") gate.resolve("done");
    assert.equal(await ended, outcome);
    await stopped;
  }
});

Deno.test("a second den.stop() with a drain of 0 ends host tools at once", async () => {
  const signals: AbortSignal[] = [];
  const hang = defineTool({
    name: "hang",
    run: (_args, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  await using den = await start([hang]);
  const ended = den.execute("hang").catch((error) => error.code);
  const stopped = den.stop({ drainMs: 600_000 });
  await den.stop({ drainMs: 0 });
  await stopped;
  assert.equal(await ended, "shutting_down");
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
});

Deno.test("den.stop() in a host tool does not wait for the tool, whoever calls it", async () => {
  const ways: readonly ((den: Snakeden) => Promise<unknown>)[] = [
    (den) => den.execute("leave"),
    (den) => den.execute("call", { name: "leave", args: {} }),
    (den) => Array.fromAsync(den.stream("leave_later")),
  ];
  for (const way of ways) {
    const leave = async (): Promise<string> => {
      await den.stop({ drainMs: 600_000 });
      return "stopping";
    };
    const leaveLater = async function* (): AsyncGenerator<string> {
      yield await leave();
    };
    await using dir = await tempDir();
    await using den = await startDen({ size: 1, adapter: "calls_host_tools:CallsHostTools" }, {
      dataDir: dir.path,
      hostTools: [
        defineTool({ name: "leave", expose: "all", run: leave }),
        defineTool({ name: "leave_later", run: leaveLater }),
      ],
    });
    assert.equal([await way(den)].flat()[0], "stopping");
    // Outside, it waits until everything has ended.
    await den.stop();
    assert.deepEqual(den.workers.list(), []);
  }
});

Deno.test("a tool in Python that is still running while the host stops may call host tools", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const relay = defineTool({
    name: "relay",
    expose: "all",
    run: async () => {
      calls++;
      await gate.promise;
      return calls;
    },
  });
  await using den = await start([relay]);
  const twice = den.execute("call_twice", { name: "relay" });
  await until(() => calls === 1, "the tool to call the host");
  const stopped = den.stop({ drainMs: 20_000 });
  await assert.rejects(den.execute("names"), { code: "shutting_down" });
  gate.resolve();
  assert.deepEqual(await twice, [1, 2]);
  await stopped;
});

Deno.test("a server serves the host tools of its snakeden.config.ts, and refuses those of a JSON file", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.ts");
  await Deno.writeTextFile(
    config,
    `export default {
      pools: [{ name: "default", size: 1 }],
      hostTools: [{ name: "double", exposeHttp: true, run: ({ n }) => 2 * n }],
    };`,
  );
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const response = await fetch(`${server.url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool: "double", args: { n: 21 } }),
  });
  assert.equal((await response.json()).result, 42);
  const json = join(dir.path, "tools.json");
  await Deno.writeTextFile(json, JSON.stringify({ hostTools: [{ name: "double" }] }));
  await assert.rejects(
    ServerProcess.start({ dataDir: dir.path, env: { SNAKEDEN_CONFIG: json } }),
    { message: /hostTools: given in a JSON file, which cannot hold functions/ },
  );
});
