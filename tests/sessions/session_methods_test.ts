import assert from "node:assert/strict";
import { Value } from "../../src/bridge/mod.ts";
import { type AskingCall, HostMethods } from "../../src/pool/mod.ts";
import { sessionMethods } from "../../src/sessions/mod.ts";
import { until } from "../fixtures/until.ts";
import { openSessions } from "./opened_sessions.ts";

const CALL: AskingCall = {
  callId: "c-1",
  requestId: "",
  sessionId: "s-1",
  pool: "default",
  tool: "t",
  workerId: "default-1",
  incarnation: "i1",
  depth: 0,
  remainingMs: 1_000,
  signal: new AbortController().signal,
};

type Ask = (method: string, args: unknown, call?: Partial<AskingCall>) => Promise<unknown>;

async function setUp(): Promise<ReturnType<typeof openSessions> & { readonly ask: Ask }> {
  const opened = openSessions();
  await opened.sessions.open("s-1");
  const methods = new HostMethods(sessionMethods(opened.sessions));
  const ask: Ask = async (method, args, call = {}) => {
    const answer = await methods.answer({ ...CALL, ...call }, method, Value.from(args));
    return answer.decode();
  };
  return { ...opened, ask };
}

function packed(json: string): { readonly json: string } {
  return { json };
}

Deno.test("session.set_vars writes variables as Python wrote them, and session.get_vars returns them so", async () => {
  await using it = await setUp();
  const tree = {
    json: '{"a":1.0,"b":{"$snakeden":"bytes","buffer":0}}',
    buffers: [new Uint8Array([7])],
  };
  const results = await it.ask("session.set_vars", {
    variables: [
      { name: "one", value: packed("1.0") },
      { name: "tree", value: tree },
      { name: "level", value: packed('"low"'), type: "choice", constraints: { choices: ["low"] } },
    ],
  });
  assert.deepEqual(results, [
    { type: "float", version: 1 },
    { type: "json", version: 2 },
    { type: "choice", version: 3 },
  ]);
  const found = await it.ask("session.get_vars", { names: ["tree", "none", "level"] });
  assert.deepEqual(found, [
    { type: "json", version: 2, constraints: null, value: tree },
    null,
    { type: "choice", version: 3, constraints: { choices: ["low"] }, value: packed('"low"') },
  ]);
  const { variables } = await it.sessions.get("s-1");
  assert.deepEqual((await variables.get("tree")).value, { a: 1, b: new Uint8Array([7]) });
});

Deno.test("session.get_vars answers with a part of the variables if they are long", async () => {
  await using it = await setUp();
  const { variables } = await it.sessions.get("s-1");
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
  for (const name of names) await variables.set(name, "x".repeat(1_200_000));
  const found = await it.ask("session.get_vars", { names }) as unknown[];
  assert.equal(found.length, 16);
  const rest = await it.ask("session.get_vars", { names: names.slice(30) }) as unknown[];
  assert.equal(rest.length, 10);
});

Deno.test("methods that take names take no more than a worker sends", async () => {
  await using it = await setUp();
  for (const method of ["session.get_vars", "session.delete_vars"]) {
    const names = Array.from({ length: 1_001 }, (_, i) => `n${i}`);
    await assert.rejects(it.ask(method, { names }), /names: allowed: a list of at most 1000 texts/);
  }
});

Deno.test("session.set_vars says for each variable what was wrong with it", async () => {
  await using it = await setUp();
  const variables = [
    { name: "a", value: packed("1"), ifVersion: 5 },
    { name: "b", value: packed("1"), type: "string" },
    { name: "c", value: packed("1") },
  ];
  const results = await it.ask("session.set_vars", { variables }) as {
    readonly error?: { readonly code: string; readonly details: unknown };
  }[];
  assert.deepEqual(results.map((each) => each.error?.code), [
    "version_conflict",
    "invalid_variable",
    undefined,
  ]);
  assert.deepEqual(results[0]?.error?.details, { currentVersion: null });
});

Deno.test("session.list_vars returns the names in pages, and session.delete_vars removes them", async () => {
  await using it = await setUp();
  const { variables } = await it.sessions.get("s-1");
  const names = Array.from({ length: 1_001 }, (_, i) => `v${String(i).padStart(4, "0")}`);
  await variables.setMany(names.slice(0, 1_000).map((name) => ({ name, value: 1 })));
  await variables.set("v1000", 1);
  const first = await it.ask("session.list_vars", {}) as { names: string[]; cursor: string };
  const second = await it.ask("session.list_vars", { cursor: first.cursor });
  assert.deepEqual([...first.names].sort(), names.slice(0, 1_000));
  assert.deepEqual(second, { names: ["v1000"], cursor: null });
  assert.deepEqual(
    await it.ask("session.delete_vars", { names: ["v0001", "none"] }),
    [true, false],
  );
  await assert.rejects(variables.get("v0001"), { code: "unknown_variable" });
});

Deno.test("the methods of sessions refuse calls without a session, and sessions that do not exist", async () => {
  await using it = await setUp();
  for (const method of ["session.get_vars", "session.set_vars", "session.list_vars"]) {
    const args = { names: [], variables: [] };
    const without = it.ask(method, args, { sessionId: "" });
    await assert.rejects(without, { code: "invalid_input", message: /the call has no sessionId$/ });
    const unknown = it.ask(method, args, { sessionId: "s-2" });
    await assert.rejects(unknown, { code: "unknown_session" });
  }
  await it.sessions.delete("s-1");
  await assert.rejects(it.ask("session.get_vars", { names: ["a"] }), { code: "unknown_session" });
});

Deno.test("the methods of sessions refuse arguments that no worker sends, and name the field", async () => {
  await using it = await setUp();
  const table: [method: string, args: unknown, issue: RegExp][] = [
    ["get", null, /names: allowed: a list of at most 1000 texts/],
    ["get", { names: "a" }, /names: allowed/],
    ["get", { names: [1] }, /names: allowed/],
    ["get", { names: ["/"] }, /"\/"/],
    ["get", { names: Array.from({ length: 1_001 }, () => "a") }, /at most 1000/],
    ["set", { variables: {} }, /variables: allowed: a list/],
    ["set", { variables: [null] }, /variables\[0\]\.value: allowed: a packed value/],
    ["set", { variables: [{ name: "a", value: 1 }] }, /variables\[0\]\.value: allowed/],
    ["set", { variables: [{ name: "a", value: { json: "1", buffers: [1] } }] }, /a packed value/],
    ["set", { variables: [{ name: 1, value: packed("1") }] }, /name/],
    ["list", { cursor: 1 }, /cursor: allowed: a text/],
  ];
  for (const [method, args, message] of table) {
    await assert.rejects(it.ask(`session.${method}_vars`, args), {
      code: "invalid_input",
      message,
    });
  }
});

Deno.test("session.put_program writes a program as Python wrote it, and session.get_program returns it so", async () => {
  await using it = await setUp();
  const args = packed('{"a":1.0,"b":2}');
  const program = { tool: "add", args, timeoutMs: 50, metadata: { by: "ada" } };
  const put = await it.ask("session.put_program", { name: "p", program, ifVersion: 0 });
  assert.deepEqual(put, { version: 1 });
  assert.deepEqual(await it.ask("session.get_program", { name: "p" }), {
    version: 1,
    isOwn: true,
    program,
  });
  const { programs } = await it.sessions.get("s-1");
  assert.deepEqual((await programs.get("p")).args, { a: 1, b: 2 });
  const tagged = { json: '{"n":{"$snakeden":"float","value":"NaN"}}', buffers: [] };
  await it.ask("session.put_program", { name: "p", program: { tool: "add", args: tagged } });
  assert.deepEqual((await programs.get("p")).args, { n: NaN });
  assert.deepEqual(await it.ask("session.get_program", { name: "p" }), {
    version: 2,
    isOwn: true,
    program: { tool: "add", args: tagged },
  });
  await assert.rejects(it.ask("session.put_program", { name: "p", program, ifVersion: 1 }), {
    code: "version_conflict",
    details: { currentVersion: 2 },
  });
});

Deno.test("session.get_program finds the programs of all, which session.delete_program keeps", async () => {
  await using it = await setUp();
  await it.sessions.programs.put("shared", { tool: "t" });
  assert.deepEqual(await it.ask("session.get_program", { name: "shared" }), {
    version: 1,
    isOwn: false,
    program: { tool: "t" },
  });
  assert.equal(await it.ask("session.get_program", { name: "none" }), null);
  assert.equal(await it.ask("session.delete_program", { name: "shared" }), false);
  await it.ask("session.put_program", { name: "own", program: { tool: "u" } });
  assert.deepEqual(await it.ask("session.list_programs", {}), { names: ["own"], cursor: null });
  assert.equal(await it.ask("session.delete_program", { name: "own" }), true);
  assert.equal((await it.sessions.programs.get("shared")).version, 1);
});

Deno.test("the methods of programs refuse calls without a session, and arguments that no worker sends", async () => {
  await using it = await setUp();
  const table: [method: string, args: unknown, issue: RegExp][] = [
    ["get_program", null, /name: allowed: a text/],
    ["get_program", { name: "/" }, /"\/"/],
    ["put_program", { name: "p" }, /program: allowed: an object/],
    ["put_program", { name: "p", program: {} }, /tool: missing/],
    ["put_program", { name: "p", program: { tool: "t", args: {} } }, /args: allowed: a packed/],
    ["put_program", { name: "p", program: { tool: "t", args: packed("[]") } }, /args: allowed/],
    ["put_program", { name: "p", program: { tool: "t", args: packed("{") } }, /args: /],
    ["put_program", { name: "p", program: { tool: "t" }, ifVersion: "1" }, /ifVersion: given "1"/],
    ["delete_program", {}, /name: allowed/],
    ["list_programs", { cursor: 1 }, /cursor: allowed: a text/],
  ];
  for (const [method, args, issue] of table) {
    const refused = { code: "invalid_input", message: issue };
    await assert.rejects(it.ask(`session.${method}`, args), refused, `${method} ${issue}`);
    const without = it.ask(`session.${method}`, args, { sessionId: "" });
    await assert.rejects(without, { code: "invalid_input", message: /the call has no sessionId$/ });
  }
});

Deno.test("session.keep_local returns the life of the session, whose end is reported once", async () => {
  await using it = await setUp();
  const keep = async (): Promise<string> =>
    (await it.ask("session.keep_local", {}) as { readonly life: string }).life;
  const first = await keep();
  assert.equal(await keep(), first);
  await it.sessions.open("s-2");
  await it.sessions.delete("s-2");
  assert.deepEqual(it.endedLives, [], "nothing is kept with it");
  await it.sessions.delete("s-1");
  assert.deepEqual(it.endedLives, [first]);
  await assert.rejects(keep(), { code: "unknown_session" });
  await it.sessions.open("s-1", { ttlMs: 1_000 });
  const second = await keep();
  assert.notEqual(second, first);
  it.clock.advance(1_001);
  await assert.rejects(keep(), { code: "unknown_session" });
  await it.sessions.open("s-1");
  assert.deepEqual(it.endedLives, [first, second], "another one has replaced it");
  await keep();
  await it.sessions.delete("s-1");
  assert.equal(it.endedLives.length, 3);
});

Deno.test("session.keep_local reports no end of a session that replaces an expired one meanwhile", async () => {
  await using it = await setUp();
  await it.ask("session.keep_local", {});
  await (await it.sessions.get("s-1")).update({ ttlMs: 1 });
  it.clock.advance(2);
  const opening = it.sessions.open("s-1");
  const kept = until(
    async () =>
      await it.ask("session.keep_local", {})
        .then((answer) => (answer as { readonly life: string }).life, () => undefined),
    "the session to be there",
  );
  await opening;
  const life = await kept;
  assert.equal(it.endedLives.length, 1);
  assert.ok(!it.endedLives.includes(life));
  await it.sessions.delete("s-1");
  assert.deepEqual(it.endedLives.slice(1), [life]);
});
