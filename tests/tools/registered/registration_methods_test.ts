import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { Affinity } from "../../../src/pool/affinity/mod.ts";
import { CallQueue } from "../../../src/pool/calls/mod.ts";
import { RegisteredTools } from "../../../src/pool/registered/mod.ts";
import { type AskingCall, HostMethods, type Worker } from "../../../src/pool/mod.ts";
import { registrationMethods, ToolRegistry } from "../../../src/tools/mod.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../../fixtures/fakes/fake_pools.ts";
import { microtasks, until } from "../../fixtures/until.ts";

const TOOL = {
  name: "f",
  description: "Does f.",
  inputSchema: "{}",
  outputSchema: "",
  streams: false,
  idempotent: false,
  timeoutMs: 0,
  stallTimeoutMs: 0,
  mediaType: "",
};

/** The call that asks. */
interface Asker {
  readonly worker?: number;
  readonly sessionId?: string;
  readonly signal?: AbortSignal;
}

interface SetUp extends AsyncDisposable {
  readonly pools: FakePools;
  readonly it: FakePool;
  readonly registry: ToolRegistry;
  /** The lives of sessions, which a test may change. */
  readonly lives: Map<string, string[]>;
  /** Asks on behalf of a call in a worker of the pool `p`; returns the answer or its error. */
  ask(
    method: string,
    args: unknown,
    call?: Asker,
  ): Promise<unknown>;
  register(
    tools: readonly Partial<typeof TOOL>[],
    call?: Asker,
  ): Promise<unknown>;
}

/** Starts a pool `p` of two workers, and one named `q`. */
async function setUp(): Promise<SetUp> {
  const pools = new FakePools(
    await Promise.all(
      ["p", "q"].map((name) => FakePool.start({ name, size: 2 }, { registered: ["f"] })),
    ),
  );
  const [it] = pools.all;
  assert.ok(it);
  const lives = new Map<string, string[]>();
  const methods = new HostMethods(registrationMethods({
    pools: () => [...pools.byName.values()],
    sessions: {
      keepLocal: (id) => {
        const [life = "", ...next] = lives.get(id) ?? [];
        if (next.length > 0) lives.set(id, next);
        return life === ""
          ? Promise.reject(new SnakedenError("unknown_session", "It is not open"))
          : Promise.resolve(life);
      },
    },
  }));
  const ask: SetUp["ask"] = async (method, args, asker = {}) => {
    const { worker = 0, sessionId = "", signal = new AbortController().signal } = asker;
    const { id: workerId, incarnation } = it.pool.workers[worker] ?? { id: "", incarnation: "" };
    const call: AskingCall = {
      callId: "c-1",
      requestId: "",
      sessionId,
      pool: "p",
      tool: "t",
      workerId,
      incarnation,
      depth: 0,
      remainingMs: 1_000,
      signal,
    };
    return (await methods.answer(call, method, Value.from(args))).decode();
  };
  return {
    pools,
    it,
    lives,
    ask,
    registry: new ToolRegistry(pools.byName),
    register: (tools, call = {}) =>
      ask("tools.register", {
        tools: tools.map((tool) => ({ ...TOOL, ...tool })),
        session: (call.sessionId ?? "") !== "",
      }, call),
    [Symbol.asyncDispose]: () => pools[Symbol.asyncDispose](),
  };
}

Deno.test("98. Duplicate tool → error; batch with one bad entry registers none", async () => {
  await using on = await setUp();
  await on.register([{ name: "a" }]);
  const batches: [Partial<typeof TOOL>[], string][] = [
    [[{ name: "b" }, { name: "a" }], "tool_exists"],
    [[{ name: "b" }, { name: "echo" }], "tool_exists"],
    [[{ name: "b" }, { name: "b" }], "tool_exists"],
    [[{ name: "b" }, { name: ".b" }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", inputSchema: "[" }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", outputSchema: "[]" }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", description: "x".repeat(262_145) }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", mediaType: "image/png\r\nx: y" }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", timeoutMs: -1 }], "invalid_tool"],
    [[{ name: "b" }, { name: "c", streams: 1 as unknown as boolean }], "invalid_tool"],
    [[], "invalid_tool"],
  ];
  for (const [tools, code] of batches) await assert.rejects(on.register(tools), { code });
  assert.deepEqual(on.it.pool.registered.list().map(({ tool }) => tool.name), ["a"]);
  await on.register([{ name: "b" }, { name: "c" }]);
  assert.equal(on.it.pool.registered.size, 3);
});

Deno.test("tools.register answers wrong arguments with invalid_tool, whatever they are", async () => {
  await using on = await setUp();
  for (
    const args of [null, 7, [], {}, { tools: "x" }, { tools: [null], session: false }, {
      tools: [TOOL],
    }, { tools: [TOOL], session: "yes" }]
  ) {
    await assert.rejects(on.ask("tools.register", args), { code: "invalid_tool" });
  }
  for (const [levels, isTaken] of [[40_000, false], [101, false], [99, true]] as const) {
    const inputSchema = '{"a":'.repeat(levels) + "{}" + "}".repeat(levels);
    const asked = on.ask("tools.register", { tools: [{ ...TOOL, inputSchema }], session: false });
    if (!isTaken) await assert.rejects(asked, { code: "invalid_tool", message: /100 levels/ });
    else await asked;
  }
  await on.ask("tools.unregister", { names: [TOOL.name], session: false });
  await assert.rejects(on.ask("tools.unregister", { names: [1], session: false }), {
    code: "invalid_tool",
  });
  await assert.rejects(on.ask("tools.register", { tools: [TOOL], session: true }), {
    code: "invalid_tool",
    message: /the call has no sessionId/,
  });
  assert.equal(on.it.pool.registered.size, 0);
});

Deno.test("two workers that register one name at once: exactly one has it", async () => {
  await using on = await setUp();
  const ends = await Promise.allSettled([0, 1].map((worker) => on.register([{}], { worker })));
  assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "rejected"]);
  const [first, second] = on.it.pool.workers;
  await assert.rejects(on.register([{}], { worker: 1 }), {
    code: "tool_exists",
    message: `Cannot register the tool "f" in the pool p: there is a tool of this name, which ` +
      `${first?.id} has registered`,
    details: { tool: "f", pool: "p", workerId: first?.id },
  });
  await assert.rejects(
    on.ask("tools.unregister", { names: ["f"], session: false }, { worker: 1 }),
    {
      code: "unknown_tool",
      message: new RegExp(`${second?.id} has not registered it for all`),
    },
  );
  for (const id of ["s1", "s2"]) on.lives.set(id, [`${id}-life`]);
  await on.register([{}], { worker: 1, sessionId: "s1" });
  await on.register([{}], { worker: 0, sessionId: "s2" });
  assert.equal(on.it.pool.registered.size, 3, "sessions have names of their own");
});

Deno.test("a call goes to the worker of its tool; that of its session goes first", async () => {
  await using on = await setUp();
  on.lives.set("s1", ["life"]);
  await on.register([{ timeoutMs: 1_000 }], { worker: 0 });
  assert.deepEqual(await on.register([{ timeoutMs: 2_000 }], { worker: 1, sessionId: "s1" }), {
    life: "life",
  });
  const [a, b] = on.it.pool.workers;
  for (let i = 0; i < 3; i++) {
    assert.equal((await on.it.submit("f").outcome).workerId, a?.id);
    assert.equal((await on.it.submit("f", { sessionId: "s1" }).outcome).workerId, b?.id);
    assert.equal((await on.it.submit("f", { sessionId: "s2" }).outcome).workerId, a?.id);
  }
  assert.deepEqual(
    [on.it.pool.timeoutOf("f"), on.it.pool.timeoutOf("f", "s1"), on.it.pool.timeoutOf("echo")],
    [1_000, 2_000, 60_000],
  );
});

Deno.test("a call waits for the worker of its tool, and other workers never get it", async () => {
  await using on = await setUp();
  await on.register([{}]);
  const [a] = on.it.pool.workers;
  const holds = [on.it.submit("hold"), on.it.submit("hold")];
  await microtasks();
  const calls = [1, 2, 3].map(() => on.it.submit("f"));
  const fail = on.it.submit.bind(on.it, "f", { sessionId: "s", affinity: "strict_fail_fast" });
  assert.throws(fail, {
    code: "worker_busy",
    message: new RegExp(`${a?.id}, which has registered`),
  });
  const other = holds.find(({ attempt }) => attempt?.workerId !== a?.id);
  assert.ok(other);
  on.it.workerRunning(other).answer();
  await other.outcome;
  assert.deepEqual(calls.map(({ state }) => state), ["queued", "queued", "queued"]);
  const own = holds.find((it) => it !== other);
  assert.ok(own);
  on.it.workerRunning(own).answer();
  for (const call of calls) assert.equal(await endOf(call), `ok ${a?.id}`);
});

Deno.test("a call that waits for the worker of its tool may leave, and its deadline says where it was", async () => {
  await using on = await setUp();
  await on.register([{}]);
  const holds = [on.it.submit("hold"), on.it.submit("hold")];
  await microtasks();
  const leaving = new AbortController();
  const left = on.it.submit("f", { signal: leaving.signal });
  const late = on.it.submit("f", { timeoutMs: 1 });
  leaving.abort(new SnakedenError("cancelled", "The caller left"));
  assert.equal(await endOf(left), "cancelled");
  await assert.rejects(late.outcome, {
    code: "deadline_exceeded",
    message: /the worker that has registered it was not free within its deadline of 1 ms/,
  });
  assert.equal(on.it.pool.queued, 0);
  for (const hold of holds) on.it.workerRunning(hold).answer();
});

Deno.test("tools end with their worker, and the successor of the same id has none of them", async () => {
  await using on = await setUp();
  await on.register([{}]);
  const [a] = on.it.pool.workers;
  const holds = [on.it.submit("hold"), on.it.submit("hold")];
  await microtasks();
  const waiting = on.it.submit("f");
  const own = holds.find(({ attempt }) => attempt?.workerId === a?.id);
  assert.ok(own);
  on.it.workerRunning(own).exit({ signal: "SIGKILL" });
  await assert.rejects(waiting.outcome, {
    code: "worker_crashed",
    message: new RegExp(`Cannot call f: ${a?.id}, which had registered it, died with signal SIGK`),
  });
  assert.throws(() => on.registry.poolFor("f", undefined), {
    code: "unknown_tool",
    message: /which had registered it, died with signal SIGKILL/,
  });
  const isSuccessor = ({ id, incarnation, state }: Worker): boolean =>
    id === a?.id && incarnation !== a.incarnation && state === "ready";
  await until(() => on.it.pool.workers.some(isSuccessor), "its successor");
  assert.equal(on.registry.find("f"), undefined);
  await on.register([{}], { worker: on.it.pool.workers.findIndex(isSuccessor) });
  assert.equal(on.registry.poolFor("f", undefined).name, "p");
  on.it.workerRunning(holds.find((it) => it !== own) ?? own).answer();
});

Deno.test("a worker that takes no more calls registers no tools", async () => {
  await using on = await setUp();
  const [a] = on.it.pool.workers;
  assert.ok(a);
  const holds = [on.it.submit("hold"), on.it.submit("hold")];
  await microtasks();
  const stopped = on.it.pool.stopWorker(a);
  await until(() => a.state === "stopping", "it is being replaced");
  const at = on.it.pool.workers.indexOf(a);
  await assert.rejects(on.register([{}], { worker: at }), { code: "shutting_down" });
  for (const hold of holds) on.it.workerRunning(hold).answer();
  await stopped;
  await assert.rejects(on.register([{}], { worker: 99 }), { code: "shutting_down" });
});

Deno.test("a session that ends while a tool is registered for it leaves none", async () => {
  await using on = await setUp();
  const call = { sessionId: "s1" };
  await assert.rejects(on.register([{}], call), { code: "unknown_session" });
  // It is opened again between the two looks.
  on.lives.set("s1", ["first", "second"]);
  await assert.rejects(on.register([{}], call), { code: "unknown_session" });
  assert.equal(on.it.pool.registered.size, 0);
  await on.register([{}], call);
  on.it.pool.registered.sessionsEnded(["first"]);
  assert.equal(on.registry.find("f", undefined, call)?.sessionId, "s1");
  on.it.pool.registered.sessionsEnded(["second"]);
  assert.equal(on.registry.find("f", undefined, call), undefined);
  assert.throws(() => on.registry.poolFor("f", undefined, call), { code: "unknown_tool" });
});

Deno.test("a worker has at most 1,000 registered tools, and so many characters of schemas", async () => {
  await using on = await setUp();
  const names = (count: number, from = 0): { name: string }[] =>
    Array.from({ length: count }, (_, i) => ({ name: `t${from + i}` }));
  await on.register(names(999));
  await assert.rejects(on.register(names(2, 999)), {
    code: "invalid_tool",
    message: /would have 1001 registered tools; allowed: at most 1000; unregister some/,
  });
  await on.register(names(1, 999));
  await on.register(names(1, 1_000), { worker: 1 });
  const names500 = names(500).map(({ name }) => name);
  assert.equal(await on.ask("tools.unregister", { names: names500, session: false }), null);
  await on.register(names(1));
  const large = names(17, 2_000).map((it) => ({ ...it, description: "x".repeat(262_000) }));
  await assert.rejects(on.register(large, { worker: 1 }), {
    code: "invalid_tool",
    message: /characters of descriptions and schemas; allowed: at most 4194304/,
  });
});

Deno.test("a tool of the adapter goes before a registered one that has its name since a reload", async () => {
  await using it = await FakePool.start({ size: 1 });
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const affinity = new Affinity({}, new CallQueue());
  affinity.joined(worker);
  const loaded = new Set<string>();
  const tools = new RegisteredTools({ name: "p", offers: (tool) => loaded.has(tool) }, affinity);
  tools.add(worker, [TOOL]);
  assert.equal(tools.find("f")?.workerId, worker.id);
  loaded.add("f");
  assert.equal(tools.find("f"), undefined);
  assert.throws(() => tools.add(worker, [TOOL]), { code: "tool_exists", message: /adapter has/ });
});

for (const [when, turns] of [["before", 0], ["after", 1]] as const) {
  Deno.test(`a call that ends while it registers tools of a session leaves none, ${when} they are there`, async () => {
    await using on = await setUp();
    on.lives.set("s1", ["life"]);
    await on.register([{ name: "before" }], { sessionId: "s1" });
    const ending = new AbortController();
    const refused = on.register([{ name: "a" }], { sessionId: "s1", signal: ending.signal });
    const outcome = refused.then(() => "registered", (error: Error) => error.message);
    for (let turn = 0; turn < turns; turn++) await null;
    const isKnown = on.it.pool.registered.find("a", "s1") !== undefined;
    ending.abort(new Error("ended"));
    assert.equal(await outcome, "ended");
    assert.equal(isKnown, when === "after");
    const left = on.it.pool.registered.list("s1").map(({ tool }) => tool.name);
    assert.deepEqual(left, ["before"]);
  });
}
