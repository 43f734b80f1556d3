import assert from "node:assert/strict";
import { Value } from "../../src/bridge/mod.ts";
import { InvalidInputError } from "../../src/errors.ts";
import type { Programs, ProgramToPut } from "../../src/sessions/mod.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { openSessions } from "./opened_sessions.ts";

/** Returns the arguments of the call that a run would make. */
async function argsOf(programs: Programs, name: string, args: object): Promise<unknown> {
  const call = await programs.resolve(name, { ...args });
  return call.args instanceof Value ? call.args.decode() : call.args;
}

Deno.test("Programs.put() writes a program that get() returns as it was given", async () => {
  await using opened = openSessions();
  const { sessions } = opened;
  const { programs } = await sessions.open("s1");
  const args = { text: "ü", big: 2n ** 70n, nan: NaN, deep: [{ a: [null, true, -0] }] };
  const program = {
    tool: "train",
    args,
    pool: "gpu",
    timeoutMs: 5_000,
    stallTimeoutMs: 500,
    affinity: "strict_queue",
    priority: -3,
    metadata: { by: "ada", tags: [1] },
  } as const;
  for (const where of [programs, sessions.programs]) {
    const put = await where.put("p", program);
    assert.deepEqual([put.name, put.version, put.created], ["p", 1, true]);
    assert.equal(put.updatedAt, "2026-01-01T00:00:00.000Z");
    const { created: _created, ...info } = put;
    assert.deepEqual(await where.get("p"), { ...info, ...program });
    assert.deepEqual((await where.list()).items, [info]);
    const again = await where.put("p", { tool: "none.yet" });
    assert.deepEqual([again.version, again.created], [2, false]);
    const { tool, args: none, pool } = await where.get("p");
    assert.deepEqual([tool, none, pool], ["none.yet", {}, undefined]);
  }
});

Deno.test("Programs.get() returns copies, and another host finds the same programs", async () => {
  await using opened = openSessions();
  const { programs } = opened.sessions;
  await programs.put("p", { tool: "t", args: { a: [1] }, metadata: { b: [1] } });
  const first = await programs.get("p");
  (first.args["a"] as number[]).push(2);
  (first.metadata?.["b"] as number[]).push(2);
  for (const host of [opened.sessions, opened.again()]) {
    const { args, metadata, version } = await host.programs.get("p");
    assert.deepEqual([args, metadata, version], [{ a: [1] }, { b: [1] }, 1]);
  }
});

Deno.test("Programs.put() and Programs.delete() heed ifVersion", async () => {
  await using opened = openSessions();
  const { programs } = await opened.sessions.open("s1");
  const program = { tool: "t" };
  const conflict = (currentVersion: number | null): object => ({
    code: "version_conflict",
    details: { currentVersion },
  });
  await assert.rejects(programs.put("p", program, { ifVersion: 1 }), conflict(null));
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () => programs.put("p", program, { ifVersion: 0 })),
  );
  assert.equal(all.filter(({ status }) => status === "fulfilled").length, 1);
  await assert.rejects(programs.put("p", program, { ifVersion: 0 }), conflict(1));
  await programs.put("p", program, { ifVersion: 1 });
  await assert.rejects(programs.delete("p", { ifVersion: 1 }), conflict(2));
  await programs.delete("p", { ifVersion: 2 });
  const gone = { code: "unknown_program", details: { sessionId: "s1", name: "p" } };
  await assert.rejects(programs.delete("p"), gone);
  await assert.rejects(programs.delete("p", { ifVersion: 2 }), gone);
  await assert.rejects(programs.get("p"), gone);
});

Deno.test("Programs.resolve() takes the program of the session first, then the one of all", async () => {
  await using opened = openSessions();
  const { sessions } = opened;
  const { programs } = await sessions.open("s1");
  await sessions.open("s2");
  await sessions.programs.put("p", { tool: "global" });
  const toolOf = async (sessionId?: string): Promise<string> =>
    (await sessions.programs.resolve("p", {}, sessionId === undefined ? {} : { sessionId })).tool;
  assert.equal(await toolOf("s1"), "global");
  await programs.put("p", { tool: "own" });
  // A call may name a session that was never opened.
  const seen = await Promise.all([toolOf(), toolOf("s1"), toolOf("s2"), toolOf("x")]);
  assert.deepEqual(seen, ["global", "own", "global", "global"]);
  await assert.rejects(toolOf("a/b"), { code: "invalid_input" });
  const { tool, options } = await programs.resolve("p");
  assert.deepEqual([tool, options], ["own", { sessionId: "s1" }]);
  await assert.rejects(programs.resolve("p", {}, { sessionId: "s2" }), { code: "invalid_input" });
  await programs.delete("p");
  assert.equal((await programs.resolve("p")).tool, "global");
  // What a session reads and lists is its own.
  await assert.rejects(programs.get("p"), { code: "unknown_program" });
  assert.equal((await programs.findStored("p"))?.call.tool, "global");
  await sessions.programs.delete("p");
  const unknown = programs.resolve("p");
  await assert.rejects(unknown, {
    code: "unknown_program",
    message: 'There is no program "p", neither in the session "s1" nor among the global ones',
  });
  await assert.rejects(toolOf(), { message: 'There is no global program "p"' });
  await assert.rejects(programs.get("p"), {
    message: 'There is no program "p" in the session "s1"',
  });
  assert.equal(await programs.findStored("p"), undefined);
});

Deno.test("Programs.resolve() lets the arguments and options of a run win over stored ones", async () => {
  await using opened = openSessions();
  const { programs } = opened.sessions;
  const stored = { a: 1, b: { x: 1 }, n: NaN };
  await programs.put("p", { tool: "t", args: stored, timeoutMs: 10, priority: 2, pool: "a" });
  assert.deepEqual(await argsOf(programs, "p", {}), stored);
  const bytes = new Uint8Array([1, 2]);
  assert.deepEqual(
    await argsOf(programs, "p", { b: { y: 2 }, n: null, bytes }),
    { a: 1, b: { y: 2 }, n: null, bytes },
  );
  const given = { timeoutMs: 20, priority: undefined as never, requestId: "r" };
  const { options } = await programs.resolve("p", {}, given);
  assert.deepEqual(options, { timeoutMs: 20, priority: 2, pool: "a", requestId: "r" });
  await programs.put("none", { tool: "t", args: {} });
  assert.deepEqual(await argsOf(programs, "none", { b: 1 }), { b: 1 });
  for (const args of [[], "x", { $snakeden: "bytes" }]) {
    const refused = programs.resolve("p", args as never);
    await assert.rejects(refused, { code: "invalid_input", message: /args: / });
  }
  const typo = programs.resolve("p", {}, { timeoutMS: 1 } as never);
  await assert.rejects(typo, { message: /timeoutMS: there is no such option; did you mean/ });
});

Deno.test("Programs.put() names every field that is wrong", async () => {
  await using opened = openSessions({ maxProgramBytes: 1_024 });
  const { programs } = opened.sessions;
  const deep = JSON.parse("[".repeat(300) + "]".repeat(300));
  const circle: Record<string, unknown> = {};
  circle["circle"] = circle;
  const table: [program: unknown, message: RegExp][] = [
    [undefined, /given undefined; allowed: an object/],
    [{}, /tool: missing/],
    [{ tool: "" }, /tool: given ""; allowed: a text of 1 to 256/],
    [{ tool: 1 }, /tool: given 1/],
    [{ tool: "t", sessionId: "s" }, /sessionId: there is no such option/],
    [{ tool: "t", timeoutMs: 0 }, /timeoutMs: given 0; allowed/],
    [{ tool: "t", priority: 11, affinity: "x" }, /affinity: given "x".*priority: given 11/],
    [{ tool: "t", pool: "" }, /pool: given ""/],
    [{ tool: "t", args: [] }, /args: given an array; allowed: an object/],
    [{ tool: "t", args: { b: new Uint8Array(1) } }, /args: given bytes or an array/],
    [{ tool: "t", args: { $snakeden: 1 } }, /args: no argument has the name \$snakeden/],
    [{ tool: "t", args: { deep } }, /args: .*nested deeper than 200/],
    [{ tool: "t", args: { f: () => 1 } }, /args: .*args\.f/],
    [{ tool: "t", metadata: [] }, /metadata: given an array; allowed: an object of JSON/],
    [{ tool: "t", metadata: circle }, /metadata\.circle: given an object that holds itself; allo/],
    [
      { tool: "t", args: { x: "y".repeat(1_024) } },
      /given \d+ bytes of JSON; allowed: 1024 bytes \(sessions\.maxProgramBytes\)/,
    ],
  ];
  for (const [program, message] of table) {
    await assert.rejects(programs.put("p", program as ProgramToPut), (error) => {
      assert.ok(error instanceof InvalidInputError, String(message));
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, message);
      return true;
    });
  }
  for (const name of ["", "a/b", "x".repeat(129), "a\nb"]) {
    for (
      const use of [
        () => programs.put(name, { tool: "t" }),
        () => programs.get(name),
        () => programs.delete(name),
        () => programs.resolve(name),
      ]
    ) {
      await assert.rejects(use(), { code: "invalid_input", message: /name: given / });
    }
  }
  const options = { ifVersion: -1, other: 1 };
  await assert.rejects(programs.put("p", { tool: "t" }, options), {
    message: /other: there is no such option.*ifVersion: given -1/,
  });
  const all = { tol: "t", timeoutMs: 0, metadata: { a: [1n] } } as unknown as ProgramToPut;
  await assert.rejects(programs.put("p!", all, options), (error) => {
    assert.ok(error instanceof InvalidInputError);
    const paths = ["name", "other", "ifVersion", "tol", "tool", "timeoutMs", "metadata.a[0]"];
    assert.deepEqual(error.issues.map(({ path }) => path), paths);
    return true;
  });
  assert.deepEqual((await programs.list()).items, []);
});

Deno.test("a session and all sessions together have at most sessions.maxPrograms programs", async () => {
  await using opened = openSessions({ maxPrograms: 3 });
  const { sessions } = opened;
  const { programs } = await sessions.open("s1");
  for (const where of [programs, sessions.programs, opened.again().programs]) {
    const names = Array.from({ length: 6 }, (_, i) => `p${i}`);
    const all = await Promise.allSettled(names.map((name) => where.put(name, { tool: "t" })));
    assert.deepEqual(all.map(({ status }) => status === "fulfilled"), [
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    await assert.rejects(where.put("p9", { tool: "t" }), {
      code: "session_quota_exceeded",
      details: { limit: "sessions.maxPrograms", max: 3 },
    });
    assert.equal((await where.put("p1", { tool: "u" })).created, false);
    await where.delete("p0");
    await where.put("p9", { tool: "t" });
    await assert.rejects(where.put("p0", { tool: "t" }), { code: "session_quota_exceeded" });
    for (const { name } of (await where.list()).items) await where.delete(name);
  }
});

Deno.test("the programs of a session end with it, and those of all stay", async () => {
  await using opened = openSessions();
  const { sessions, clock } = opened;
  const session = await sessions.open("s1", { ttlMs: 1_000 });
  await session.programs.put("p", { tool: "own" });
  await sessions.programs.put("q", { tool: "global" });
  await sessions.delete("s1");
  const gone = { code: "unknown_session" };
  for (
    const use of [
      () => session.programs.put("p", { tool: "t" }),
      () => session.programs.get("p"),
      () => session.programs.delete("p"),
      () => session.programs.list(),
      () => session.programs.run("q"),
      () => session.programs.findStored("q"),
    ]
  ) await assert.rejects(use(), gone);
  const next = await sessions.open("s1", { ttlMs: 1_000 });
  assert.deepEqual((await next.programs.list()).items, []);
  await next.programs.put("p", { tool: "own" });
  clock.advance(1_001);
  await assert.rejects(next.programs.get("p"), gone);
  const last = await sessions.open("s1");
  await assert.rejects(last.programs.get("p"), { code: "unknown_program" });
  assert.equal((await sessions.programs.get("q")).tool, "global");
});

Deno.test("Programs.list() returns each program once, in pages", async () => {
  await using opened = openSessions();
  const { programs } = opened.sessions;
  const names = Array.from({ length: 25 }, (_, i) => `p${String(i).padStart(2, "0")}`);
  await Promise.all(names.map((name) => programs.put(name, { tool: "t" })));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await programs.list({ limit: 10, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.items.map(({ name }) => name));
    cursor = page.cursor;
  } while (cursor !== undefined);
  assert.deepEqual(seen.sort(), names);
  await assert.rejects(programs.list({ limit: 0 }), { code: "invalid_input" });
});

Deno.test("a program is read again after a write whose answer got lost", async () => {
  await using opened = openSessions();
  const { sessions, store } = opened;
  const { programs } = sessions;
  await programs.put("p", { tool: "old" });
  assert.equal((await programs.get("p")).tool, "old");
  const put = store.sessions.putProgram.bind(store.sessions);
  store.sessions.putProgram = async (...args) => {
    await put(...args);
    throw new Error("lost");
  };
  await assert.rejects(programs.put("p", { tool: "new" }), { message: "lost" });
  const { tool, version } = await programs.get("p");
  assert.deepEqual([tool, version], ["new", 2]);
});

Deno.test("a program of the store that this version cannot read is store_failed, and can be replaced", async () => {
  await using opened = openSessions();
  const { programs } = opened.sessions;
  await opened.store.sessions.putProgram(null, { name: "p", body: { tool: 1 } });
  await assert.rejects(programs.get("p"), { code: "store_failed", message: /program "p": tool: / });
  await programs.put("p", { tool: "t" });
  assert.equal((await programs.get("p")).version, 2);
});

Deno.test("the programs of all warn at the first use, and once, that they are in memory", async () => {
  await using opened = openSessions({}, { saysSo: true });
  await using log = new LogSink();
  const text = /sessions are in memory and end with this program, and so are stored programs/g;
  const { programs } = opened.sessions;
  await programs.put("p", { tool: "t" });
  await programs.resolve("p");
  await opened.sessions.open("s1");
  assert.equal((await log.text()).match(text)?.length, 1);
});
