/** Tests of tools that workers register while they run, with real workers on both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Snakeden, SnakedenError, type ToolInfo } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const ALL = { session: false } as const;
const S1 = { sessionId: "s1" } as const;

interface Ran {
  readonly name: string;
  readonly pid: number;
  readonly x: number;
}

/** The error that a tool has caught. */
interface Refusal {
  readonly code: string;
  readonly text: string;
  readonly details: Readonly<Record<string, unknown>>;
}

async function start(
  carrier: CarrierKind,
  pool: Parameters<typeof startDen>[0] = {},
): Promise<Snakeden> {
  return await startDen({ adapter: "registers:Registers", carrier, taintAfter: 0, ...pool });
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

/** Returns the worker with this process. */
function workerOf(den: Snakeden, pid: number): string {
  return den.workers.list().find((it) => it.pid === pid)?.id ?? `no worker has pid ${pid}`;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`102. A Python-registered tool is callable from the host by name (${carrier})`, async () => {
    await using den = await start(carrier);
    const pid = await den.execute<number>("register", { name: "f", ...ALL });
    // At once, and always in the worker that has the function.
    const ran = await Promise.all(
      Array.from({ length: 40 }, (_, x) => den.execute<Ran>("f", { x })),
    );
    assert.deepEqual(ran.map(({ x }) => x), Array.from({ length: 40 }, (_, x) => x));
    assert.deepEqual([...new Set(ran.map((it) => it.pid))], [pid]);
    const { workerId } = await den.call("f", {}, { pool: "default" });
    assert.equal(workerId, workerOf(den, pid));
    const info = den.tools.find("f");
    assert.equal(info?.workerId, workerId);
    assert.equal(info.description, "Tell who runs it.");
    assert.ok("x" in (info.inputSchema.properties as Record<string, unknown>));
    assert.deepEqual(den.tools.list().filter((it) => it.workerId).map((it) => it.name), ["f"]);
    const wrong = await errorOf(den.execute("f", { x: "three" }));
    assert.equal(wrong.code, "invalid_arguments");
    assert.match(wrong.message, /args\.x/);
  });

  Deno.test(`106. An adapter that only declares @tool methods works without more code (${carrier})`, async () => {
    await using dir = await tempDir();
    await Deno.writeTextFile(
      join(dir.path, "only_methods.py"),
      `from snakeden import tool

class Texts:
    @tool
    def shout(self, text: str, times: int = 1) -> str:
        return text.upper() * times

    @tool
    def letters(self, text: str):
        yield from text
`,
    );
    const adapter = { adapter: "only_methods:Texts", modulePaths: [dir.path] };
    await using den = await startDen({ ...adapter, carrier, size: 1 });
    assert.deepEqual(den.tools.list().map(({ name }) => name), ["shout", "letters"]);
    assert.equal(await den.execute("shout", { text: "a", times: 2 }), "AA");
    assert.deepEqual(await Array.fromAsync(den.stream("letters", { text: "ab" })), ["a", "b"]);
  });

  Deno.test(`functions of each kind can be registered (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    const names = await den.execute<string[]>("register_kinds");
    assert.deepEqual(names, [
      "add",
      "times",
      "later",
      "numbers",
      "numbers_later",
      "marked.tool",
      "anything",
    ]);
    assert.deepEqual([await den.execute("add", { by: 2 }), await den.execute("add")], [2, 3]);
    assert.equal(await den.execute("times", { a: 6, b: 7 }), 42);
    assert.equal(await den.execute("later", { text: "a" }), "A");
    for (const tool of ["numbers", "numbers_later"]) {
      assert.deepEqual(await Array.fromAsync(den.stream(tool, { count: 3 })), [0, 1, 2]);
    }
    assert.deepEqual(await den.execute("anything", { a: [1], b: null }), { a: [1], b: null });
    const marked = den.tools.find("marked.tool");
    assert.deepEqual(
      [marked?.description, marked?.idempotent, marked?.timeoutMs, marked?.streams],
      ["Has options.", true, 5_000, false],
    );
  });

  Deno.test(`98. Duplicate tool is an error, which names who has it (${carrier})`, async () => {
    await using den = await start(carrier);
    const ofAdapter = await den.execute<Refusal>("error_of", {
      step: "register",
      name: "pid",
    });
    assert.equal(ofAdapter.code, "tool_exists");
    assert.match(ofAdapter.text, /there is a tool of this name, which the adapter has/);
    // Two at once: one of them has it.
    const [first, second] = await Promise.all(
      [1, 2].map(() => den.execute<Refusal>("error_of", { step: "register", name: "f" })),
    );
    assert.deepEqual([first?.code, second?.code].sort(), ["ok", "tool_exists"]);
    const { pid } = await den.execute<Ran>("f");
    const workerId = workerOf(den, pid);
    for (const isOther of [true, false]) {
      const busy = den.execute("f", { sleep: isOther ? 0.5 : 0 });
      if (!isOther) await busy;
      const { code, text, details } = await den.execute<Refusal>("error_of", {
        step: "register",
        name: "f",
        ...ALL,
      });
      assert.match(text, new RegExp(`which ${workerId} has registered`));
      assert.deepEqual([code, details.workerId], ["tool_exists", workerId]);
      await busy;
    }
    assert.equal((await den.execute<Ran>("f")).pid, pid, "the first one stays");
  });

  Deno.test(`97. Deleting a session removes its tools and worker-side resources (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    for (const id of ["s1", "s2"]) await den.sessions.open(id);
    for (const sessionId of ["s1", "s2"]) {
      await den.execute("register", { name: "f" }, { sessionId });
      assert.equal((await den.execute<Ran>("f", {}, { sessionId })).name, "f");
    }
    await den.execute("register", { name: "g", ...ALL }, S1);
    assert.equal((await errorOf(den.execute("f"))).code, "unknown_tool");
    assert.equal((await errorOf(den.execute("f", {}, { sessionId: "s3" }))).code, "unknown_tool");
    const listed = (sessionId?: string): string[] =>
      den.tools.list({ sessionId }).filter((it) => it.workerId).map((it) =>
        `${it.name} ${it.sessionId}`
      );
    assert.deepEqual(listed(), ["g undefined"]);
    assert.deepEqual(listed("s1"), ["g undefined", "f s1"]);
    assert.equal(await den.execute("kept_functions"), 3);
    await den.sessions.delete("s1");
    assert.deepEqual(listed("s1"), ["g undefined"]);
    const gone = await errorOf(den.execute("f", {}, S1));
    assert.equal(gone.code, "unknown_tool");
    assert.equal(await den.execute("kept_functions"), 2);
    assert.equal((await den.execute<Ran>("f", {}, { sessionId: "s2" })).name, "f");
    // A session that is opened under the same id has none of them.
    await den.sessions.open("s1");
    assert.equal((await errorOf(den.execute("f", {}, S1))).code, "unknown_tool");
    await den.execute("register", { name: "f" }, S1);
    assert.equal((await den.execute<Ran>("f", {}, S1)).name, "f");
    const closed = await den.execute<Refusal>(
      "error_of",
      { step: "register", name: "h" },
      { sessionId: "never-opened" },
    );
    assert.equal(closed.code, "unknown_session");
  });

  Deno.test(`a session that has expired has no registered tools, even before the sweep (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    const session = await den.sessions.open("s1");
    for (const name of ["f", "numbers"]) await den.execute("register", { name }, S1);
    await session.update({ ttlMs: 1 });
    const isOpen = (): Promise<boolean> => den.sessions.get("s1").then(() => true, () => false);
    await until(async () => !await isOpen(), "the session to expire");
    for (const affinity of ["hint", "strict_queue"] as const) {
      const options = { ...S1, affinity };
      assert.equal((await errorOf(den.execute("f", {}, options))).code, "unknown_tool");
      const streamed = Array.fromAsync(den.stream("numbers", {}, options));
      assert.equal((await errorOf(streamed)).code, "unknown_tool");
    }
    await den.sessions.open("s1");
    assert.equal((await errorOf(den.execute("f", {}, S1))).code, "unknown_tool");
    await den.execute("register", { name: "f" }, S1);
    assert.equal((await den.execute<Ran>("f", {}, S1)).name, "f");
    assert.equal(await den.execute("kept_functions"), 1);
  });

  Deno.test(`SIGKILL of the worker ends its tools: running, waiting and later calls fail (${carrier})`, async () => {
    await using den = await start(carrier);
    const pid = await den.execute<number>("register", { name: "f", ...ALL });
    const workerId = workerOf(den, pid);
    const running = errorOf(den.execute("f", { sleep: 60 }));
    await until(() => den.workers.list().some((it) => it.state === "busy"), "it runs");
    const waiting = [1, 2, 3].map((x) => errorOf(den.execute("f", { x })));
    // The other worker takes what is not bound.
    assert.notEqual(await den.execute("pid"), pid);
    signalPid(pid, "SIGKILL");
    assert.equal((await running).code, "worker_crashed");
    for (const { code, message, details } of await Promise.all(waiting)) {
      assert.equal(code, "worker_crashed");
      assert.match(message, new RegExp(`Cannot call f: ${workerId}, which had registered it, `));
      assert.deepEqual([details.workerId, details.mayHaveRun], [workerId, false]);
    }
    for (const options of [{}, { pool: "default" }, S1]) {
      const { code, message, details } = await errorOf(den.execute("f", {}, options));
      assert.equal(code, "unknown_tool");
      assert.match(
        message,
        new RegExp(`${workerId}, which had registered it, died with .*SIGKILL`),
      );
      assert.equal(details.workerEndReason, "killed");
    }
    assert.equal(den.tools.find("f"), undefined);
    // Another worker may have the name, and so may the successor.
    await den.execute("register", { name: "f", ...ALL });
    assert.notEqual((await den.execute<Ran>("f")).pid, pid);
  });

  Deno.test(`a worker that is recycled takes its tools with it (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    await den.execute("register", { name: "f", ...ALL });
    const running = den.execute<Ran>("f", { sleep: 4 });
    await until(() => den.workers.list().some((it) => it.state === "busy"), "it runs");
    const waiting = errorOf(den.execute("f"));
    await den.pools.recycle();
    assert.equal((await running).name, "f", "what runs is finished");
    assert.equal((await waiting).code, "unknown_tool");
    const { code, message } = await errorOf(den.execute("f"));
    assert.equal(code, "unknown_tool");
    assert.match(message, /which had registered it, was replaced: the pool is recycled/);
  });

  Deno.test(`a tool can be unregistered, by its own worker alone (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    await den.sessions.open("s1");
    await den.execute("register", { name: "f", ...ALL });
    await den.execute("register", { name: "f" }, S1);
    await den.execute("unregister", { name: "f" }, S1);
    assert.equal(den.tools.find("f", undefined, S1)?.sessionId, undefined);
    await den.execute("unregister", { name: "f" });
    assert.equal((await errorOf(den.execute("f"))).code, "unknown_tool");
    const again = await den.execute<Refusal>("error_of", { step: "end", name: "f" });
    assert.equal(again.code, "unknown_tool");
    assert.equal(await den.execute("kept_functions"), 0);
  });

  Deno.test(`a strict session and a tool of another worker do not disturb each other (${carrier})`, async () => {
    await using den = await start(carrier);
    await den.sessions.open("s1");
    const strict = { ...S1, affinity: "strict_queue" } as const;
    const home = await den.execute<number>("pid", {}, strict);
    const busy = den.execute("pid", { sleep: 0.5 }, strict);
    await until(() => den.workers.list().some((it) => it.state === "busy"), "its worker is busy");
    const owner = await den.execute<number>("register", { name: "f", ...ALL });
    assert.notEqual(owner, home);
    await busy;
    assert.equal((await den.execute<Ran>("f", {}, strict)).pid, owner);
    assert.equal(await den.execute("pid", {}, strict), home);
  });

  Deno.test(`a worker may register a thousand tools (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1, timeoutMs: 60_000 });
    await den.execute("register_many", { count: 1_000 });
    const { code, text } = await den.execute<Refusal>("error_of", {
      step: "register",
      name: "one-more",
    });
    assert.equal(code, "invalid_tool");
    assert.match(text, /would have 1001 registered tools; allowed: at most 1000; unregister some/);
    assert.equal(await den.execute("many-999", { text: "a" }), "A");
  });
}

Deno.test("registered tools are listed, called and streamed over HTTP, and those of a session by it alone", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(
    join(dir.path, "snakeden.config.json"),
    JSON.stringify({
      pools: [{
        name: "default",
        size: 1,
        adapter: "registers:Registers",
        modulePaths: [ADAPTERS],
      }],
    }),
  );
  await using server = await ServerProcess.start({
    dataDir: join(dir.path, "data"),
    env: { SNAKEDEN_CONFIG: join(dir.path, "snakeden.config.json") },
  });
  const post = async (path: string, body: unknown): Promise<Response> =>
    await fetch(`${server.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", accept: "application/json" },
    });
  const execute = async (tool: string, args: unknown, more = {}): Promise<[number, unknown]> => {
    const answer = await post("/v1/execute", { tool, args, ...more });
    const { result, code } = await answer.json();
    return [answer.status, result ?? code];
  };
  const listed = async (query: string): Promise<unknown> => {
    const { tools } = await (await fetch(`${server.url}/v1/tools${query}`)).json();
    return tools.filter((it: ToolInfo) => it.workerId !== undefined)
      .map((it: ToolInfo) => [it.name, it.workerId, it.sessionId ?? null]);
  };
  const opened = await fetch(`${server.url}/v1/sessions/s1`, { method: "PUT" });
  assert.equal(opened.status, 201, await opened.text());
  assert.equal((await execute("register", { name: "mine" }, S1))[0], 200);
  assert.equal((await execute("register_kinds", {}))[0], 200);
  assert.deepEqual(await execute("times", { a: 6, b: 7 }), [200, 42]);
  assert.deepEqual(await execute("later", { text: "a" }, S1), [200, "A"]);
  assert.deepEqual(await execute("mine", {}), [404, "unknown_tool"]);
  assert.equal((await execute("mine", {}, S1))[0], 200);
  const chunks = await fetch(`${server.url}/v1/stream`, {
    method: "POST",
    body: JSON.stringify({ tool: "numbers", args: { count: 3 } }),
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
  });
  assert.match(await chunks.text(), /0[^]*1[^]*2/);
  assert.deepEqual(
    (await listed("") as unknown[][]).map(([name]) => name),
    ["add", "times", "later", "numbers", "numbers_later", "marked.tool", "anything"],
  );
  assert.deepEqual((await listed("?sessionId=s1") as unknown[][]).at(-1), [
    "mine",
    "default-1",
    "s1",
  ]);
  await (await fetch(`${server.url}/v1/sessions/s1`, { method: "DELETE" })).body?.cancel();
  assert.deepEqual(await execute("mine", {}, S1), [404, "unknown_tool"]);
  assert.deepEqual(await listed("?sessionId=s1"), await listed(""));
});

Deno.test("tools of one name in two pools are told apart by the pool; without one, default goes first", async () => {
  const pool = { adapter: "registers:Registers", size: 1 };
  await using both = await startDen({}, {
    pools: ["other", "default"].map((name) => ({ ...pool, name, modulePaths: [ADAPTERS] })),
  });
  const pids: Record<string, number> = {};
  for (const pool of ["other", "default"]) {
    pids[pool] = await both.execute<number>("register", { name: "f", ...ALL }, { pool });
  }
  assert.equal((await both.execute<Ran>("f")).pid, pids.default);
  for (const pool of ["other", "default"]) {
    assert.equal((await both.execute<Ran>("f", {}, { pool })).pid, pids[pool]);
    assert.equal(both.tools.find("f", pool)?.pool, pool);
  }
  await both.execute("unregister", { name: "f" }, { pool: "default" });
  assert.equal((await both.execute<Ran>("f")).pid, pids.other);
});
