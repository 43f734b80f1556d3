/** Tests that a host tool can be neither seen nor called where it is not exposed, by any door. */
import assert from "node:assert/strict";
import { defineTool, type HostToolDefinition, type Snakeden } from "../../mod.ts";
import { createApp, OpenSockets } from "../../src/routes/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { SocketClient } from "../routes/socket/socket_client.ts";

const HIDDEN = "hidden_tool";
/** A name that no tool has, of the same length. */
const MISSING = "absent_tool";

const ran: string[] = [];

/** Makes a tool that notes its calls. */
function noted(
  name: string,
  rest: Pick<HostToolDefinition, "expose" | "exposeHttp"> = {},
): HostToolDefinition {
  return defineTool({ name, ...rest, run: () => void ran.push(name) });
}

function start(carrier: "socket" | "grpc" = "socket"): Promise<Snakeden> {
  return startDen(
    { size: 1, carrier, adapter: "calls_host_tools:CallsHostTools" },
    { hostTools: [noted(HIDDEN), noted("shown_tool", { exposeHttp: true, expose: "all" })] },
  );
}

const JSON_TYPE = "application/json";

interface Door {
  readonly path: string;
  readonly type: string;
  readonly body: BodyInit;
  readonly accept?: string;
}

/** Returns every request that calls a tool. */
function doorsTo(tool: string, sessionId?: string): Door[] {
  const json = (path: string, accept = "*/*"): Door => ({
    path,
    type: JSON_TYPE,
    body: JSON.stringify({ tool, ...(sessionId === undefined ? {} : { sessionId }) }),
    accept,
  });
  const query = `tool=${tool}${sessionId === undefined ? "" : `&sessionId=${sessionId}`}`;
  const form = new FormData();
  form.set("rows", "1");
  const accepts = ["*/*", "text/event-stream", "application/x-ndjson", "image/png"];
  return [
    ...accepts.flatMap((it) => [json("/v1/execute", it), json("/v1/stream", it)]),
    ...["/v1/execute", "/v1/stream"].flatMap((path): Door[] => [
      { path: `${path}?${query}`, type: "application/octet-stream", body: "bytes" },
      { path: `${path}?${query}&arg=rows`, type: "application/octet-stream", body: "bytes" },
      { path: `${path}?${query}`, type: "", body: form },
      { path: `${path}?${query}&input=rows`, type: "application/x-ndjson", body: "1\n2\n" },
      { path: `${path}?${query}&input=rows`, type: "application/octet-stream", body: "bytes" },
    ]),
    { path: `/v1/map?${query}`, type: "application/x-ndjson", body: "{}", accept: "" },
  ];
}

type App = ReturnType<typeof createApp>;

/** Sends a request; returns the status and the text of the answer, without what is random. */
async function answerOf(app: App, { path, type, body, accept }: Door): Promise<string> {
  const response = await app.request(path, {
    method: "POST",
    headers: { ...(type === "" ? {} : { "content-type": type }), ...(accept ? { accept } : {}) },
    body,
  });
  const text = await response.text();
  return `${response.status} ${response.headers.get("content-type")} ${
    text.replaceAll(/"(requestId|instance)":"[^"]*"/g, "").replaceAll(/^id: .*$/gm, "id")
  }`;
}

Deno.test("a host tool without exposeHttp answers HTTP exactly as one that does not exist", async () => {
  await using den = await start();
  const app = createApp(den, { version: "0" });
  ran.length = 0;
  const missing = doorsTo(MISSING);
  for (const [i, door] of doorsTo(HIDDEN).entries()) {
    const other = missing[i];
    assert.ok(other !== undefined);
    const answer = await answerOf(app, door);
    assert.match(answer, /unknown_tool/, `${door.path} ${door.accept}`);
    assert.equal(answer.replaceAll(HIDDEN, MISSING), await answerOf(app, other), door.path);
  }
  // A name that is near tells nothing.
  for (const door of doorsTo("hidden_too")) {
    const answer = await answerOf(app, door);
    assert.doesNotMatch(answer, new RegExp(HIDDEN), door.path);
  }
  assert.deepEqual(ran, []);
  for (const page of ["/", "/openapi.json", "/docs"]) {
    const text = await (await app.request(page)).text();
    assert.ok(!text.includes(HIDDEN), page);
  }
});

Deno.test("a program cannot lend a host tool that is not exposed to clients of HTTP", async () => {
  await using den = await start();
  const app = createApp(den, { version: "0" });
  ran.length = 0;
  for (const [name, tool] of [["hidden", HIDDEN], ["missing", MISSING]] as const) {
    await den.programs.put(name, { tool });
  }
  for (const accept of ["*/*", "text/event-stream"]) {
    const run = (name: string): Promise<string> =>
      answerOf(app, { path: `/v1/programs/${name}/run`, type: JSON_TYPE, body: "{}", accept });
    const answer = await run("hidden");
    assert.match(answer, /unknown_tool/);
    assert.equal(
      answer.replaceAll(HIDDEN, MISSING).replaceAll("programs/hidden", "programs/missing"),
      await run("missing"),
    );
  }
  assert.deepEqual(ran, []);
  await den.programs.run("hidden");
  assert.deepEqual(ran, [HIDDEN], "programs in TypeScript may run it");
});

Deno.test("a host tool without exposeHttp answers the socket as one that does not exist", async () => {
  await using den = await start();
  const sockets = new OpenSockets(den.config.limits);
  const app = createApp(den, { version: "0", sockets });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  ran.length = 0;
  try {
    await using client = await SocketClient.open(`http://127.0.0.1:${server.addr.port}`);
    let id = 0;
    for (const rest of [{}, { stream: true }, { input: "rows" }, { input: "rows", stream: true }]) {
      const answers: string[] = [];
      for (const tool of [HIDDEN, MISSING]) {
        client.send({ type: "call", id: ++id, tool, ...rest });
        const { type, problem } = await client.next();
        assert.equal(type, "error");
        answers.push(JSON.stringify({ ...problem as object, requestId: "", instance: "" }));
      }
      assert.match(answers[0] ?? "", /unknown_tool/);
      assert.equal(answers[0]?.replaceAll(HIDDEN, MISSING), answers[1]);
    }
  } finally {
    await sockets.close();
    await server.shutdown();
  }
  assert.deepEqual(ran, []);
});

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`the tools of a session are seen and called in its calls alone (${carrier})`, async () => {
    await using den = await start(carrier);
    const app = createApp(den, { version: "0" });
    for (const id of ["mine", "other"]) await den.sessions.open(id);
    using _tools = den.tools.register(noted("mine_only", { expose: "all", exposeHttp: true }), {
      sessionId: "mine",
    });
    ran.length = 0;
    for (const sessionId of [undefined, "other", "unopened"]) {
      const options = sessionId === undefined ? {} : { sessionId };
      const missing = doorsTo("absent_on", sessionId);
      for (const [i, door] of doorsTo("mine_only", sessionId).entries()) {
        const answer = await answerOf(app, door);
        const other = missing[i];
        assert.ok(other !== undefined);
        assert.equal(
          answer.replaceAll("mine_only", "absent_on"),
          await answerOf(app, other),
          door.path,
        );
      }
      assert.deepEqual(await den.execute("names", {}, options), ["shown_tool"]);
      const seen = await den.execute<{ code: string; message: string }>(
        "code_of",
        { name: "mine_only", args: {} },
        options,
      );
      assert.equal(seen.code, "unknown_tool");
      assert.match(seen.message, /shown_tool/);
      await assert.rejects(den.execute("mine_only", {}, options), { code: "unknown_tool" });
      await assert.rejects(
        den.execute("mine_onl", {}, options),
        (error: Error) => !error.message.includes("mine_only"),
      );
      assert.ok(!den.tools.list(options).some(({ name }) => name === "mine_only"));
      assert.equal(den.tools.find("mine_only", undefined, options), undefined);
    }
    assert.deepEqual(ran, []);
    await den.execute("call", { name: "mine_only", args: {} }, { sessionId: "mine" });
    await den.execute("mine_only", {}, { sessionId: "mine" });
    const { status } = await app.request("/v1/execute", {
      method: "POST",
      headers: { "content-type": JSON_TYPE },
      body: JSON.stringify({ tool: "mine_only", sessionId: "mine" }),
    });
    assert.deepEqual([status, ran.length], [200, 3]);
  });
}
