import assert from "node:assert/strict";
import { NdArray, Value } from "../../src/bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../src/errors.ts";
import type { Session } from "../../src/sessions/mod.ts";
import { openSessions } from "./opened_sessions.ts";

function codeOf(result: unknown): string | undefined {
  return result instanceof SnakedenError ? result.code : undefined;
}

async function refused(work: Promise<unknown>, code: string): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `not refused: ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** Runs a test twice: once with everything in the cache, and once with nothing. */
function testCached(
  name: string,
  run: (it: { readonly session: Session; readonly again: () => Promise<Session> }) => Promise<void>,
): void {
  for (const cacheBytes of [64 * 1024 * 1024, 0]) {
    Deno.test(`${name} (cacheBytes ${cacheBytes})`, async () => {
      await using it = openSessions({ cacheBytes });
      const session = await it.sessions.open("s1");
      await run({ session, again: () => it.again().get("s1") });
    });
  }
}

testCached("Variables keep every kind of value, for this host and the next", async (it) => {
  const { session: { variables } } = it;
  const matrix = new NdArray("<f4", [2, 2], new Float32Array([1, 2, 3, 4]));
  const table: [name: string, value: unknown, type: string, found?: unknown][] = [
    ["int", 3, "integer"],
    ["big", 2n ** 70n, "integer"],
    ["small-bigint", 5n, "integer", 5],
    ["float", 0.5, "float"],
    ["nan", NaN, "float"],
    ["infinity", Infinity, "float"],
    ["-infinity", -Infinity, "float"],
    ["minus-zero", -0, "float"],
    ["text", "ü 😀", "string"],
    ["empty", "", "string"],
    ["yes", true, "boolean"],
    ["null", null, "json"],
    ["tree", { a: [1, { b: null }], c: NaN }, "json"],
    ["bytes", new Uint8Array([1, 2, 3]), "json"],
    ["vector", new Float64Array([1, NaN, 3]), "tensor"],
    ["matrix", matrix, "tensor"],
  ];
  for (const [name, value, type] of table) {
    const info = await variables.set(name, value);
    assert.equal(info.type, type, name);
    assert.equal(info.name, name);
  }
  for (const { variables } of [it.session, await it.again()]) {
    for (const [name, given, type, other] of table) {
      const found = other ?? given;
      const variable = await variables.get(name);
      assert.deepEqual(variable.value, found, name);
      assert.ok(Object.is(variable.value, found) || typeof found === "object", name);
      assert.equal(variable.type, type);
    }
  }
});

testCached("Variables.set() raises the version, and keeps type and constraints", async (it) => {
  const { variables } = it.session;
  const first = await variables.set("t", 1, { type: "float", constraints: { min: 0, max: 2 } });
  assert.equal(first.updatedAt, "2026-01-01T00:00:00.000Z");
  const second = await variables.set("t", 0.5);
  assert.ok(second.version > first.version);
  assert.deepEqual([second.type, second.constraints], ["float", { min: 0, max: 2 }]);
  await refused(variables.set("t", 3), "invalid_variable");
  await refused(variables.set("t", "x"), "invalid_variable");
  const found = await (await it.again()).variables.get("t");
  assert.deepEqual([found.value, found.version], [0.5, second.version]);
});

testCached(
  "Variables.set() with another type drops the constraints, which new ones replace",
  async (it) => {
    const { variables } = it.session;
    await variables.set("t", 1, { constraints: { max: 2 } });
    assert.deepEqual((await variables.set("t", 1, { constraints: { max: 5 } })).constraints, {
      max: 5,
    });
    const text = await variables.set("t", "x", { type: "string" });
    assert.deepEqual([text.type, text.constraints], ["string", undefined]);
  },
);

testCached(
  "Variables.set() without waiting lets later writes win, and inherit the first type",
  async (it) => {
    const { variables } = it.session;
    const writes = Array.from(
      { length: 50 },
      (_, i) => variables.set("n", i, i === 0 ? { type: "float" } : {}),
    );
    const infos = await Promise.all(writes);
    assert.deepEqual(
      infos.map(({ type }) => type),
      infos.map(() => "float"),
    );
    const { value, version } = await variables.get("n");
    assert.deepEqual([value, version], [49, infos.at(-1)?.version]);
  },
);

testCached("Variables.set() with ifVersion lets one of many callers through", async (it) => {
  const { variables } = it.session;
  const { version } = await variables.set("n", 0);
  const results = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => variables.set("n", i, { ifVersion: version }).catch((it: unknown) => it),
    ),
  );
  assert.equal(results.filter((it) => codeOf(it) === "version_conflict").length, 19);
  const current = (await variables.get("n")).version;
  const error = await refused(variables.set("n", 9, { ifVersion: version }), "version_conflict");
  assert.deepEqual(error.details, { currentVersion: current });
  assert.match(error.message, /Cannot change the variable "n": its version is \d+/);
});

testCached("Variables.set() with ifVersion 0 creates a variable once", async (it) => {
  const { variables } = it.session;
  const results = await Promise.all(
    Array.from(
      { length: 10 },
      (_, i) => variables.set("n", i, { ifVersion: 0 }).catch((it: unknown) => it),
    ),
  );
  assert.equal(results.filter((it) => codeOf(it) === "version_conflict").length, 9);
  const error = await refused(variables.set("other", 1, { ifVersion: 7 }), "version_conflict");
  assert.deepEqual(error.details, { currentVersion: null });
});

testCached("Variables.delete() removes a variable, whose version never comes back", async (it) => {
  const { variables } = it.session;
  const { version } = await variables.set("n", 1);
  await refused(variables.delete("n", { ifVersion: version + 1 }), "version_conflict");
  await variables.delete("n", { ifVersion: version });
  await refused(variables.get("n"), "unknown_variable");
  const error = await refused(variables.delete("n"), "unknown_variable");
  assert.match(error.message, /There is no variable "n" in the session "s1"/);
  await refused(variables.delete("n", { ifVersion: version }), "unknown_variable");
  const again = await variables.set("n", "a text now");
  assert.ok(again.version > version + 1);
  await refused(variables.set("n", "x", { ifVersion: version }), "version_conflict");
});

Deno.test("Variables.setMany() and getMany() refuse what is not a list of variables or names", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  // As plain JavaScript may call them; set_many() of Python takes a dict.
  const cases = [
    [variables.setMany({ a: 1 } as never), "given an object; allowed: an array of objects with"],
    [variables.setMany([null] as never), "[0]: given null; allowed: an object with a name and"],
    [variables.getMany("a" as never), 'given "a"; allowed: an array of names'],
    [variables.getMany([1] as never), "name: given 1; allowed: 1 to 128 letters"],
  ] as const;
  for (const [call, text] of cases) {
    const error = await refused(call, "invalid_input");
    assert.ok(error.message.includes(text), error.message);
  }
});

testCached("Variables.setMany() writes each variable on its own terms", async (it) => {
  const { variables } = it.session;
  await variables.set("there", 1, { constraints: { max: 5 } });
  const results = await variables.setMany([
    { name: "a", value: 1 },
    { name: "there", value: 6 },
    { name: "a", value: 2 },
    { name: "b", value: "x", type: "float" },
    { name: "c", value: 1, ifVersion: 99 },
    { name: "a", value: "no integer" },
  ]);
  assert.deepEqual(results.map((it) => it.ok ? it.name : it.error.code), [
    "a",
    "invalid_variable",
    "a",
    "invalid_variable",
    "version_conflict",
    "invalid_variable",
  ]);
  const found = await variables.getMany(["a", "b", "c", "there"]);
  assert.deepEqual([...found].map(([name, { value }]) => [name, value]), [["a", 2], ["there", 1]]);
  assert.deepEqual(await variables.setMany([]), []);
});

testCached("Variables.list() pages through all variables, without long values", async (it) => {
  const { variables } = it.session;
  const names = Array.from({ length: 7 }, (_, i) => `v${i}`);
  for (const name of names) await variables.set(name, name);
  await variables.set("long", "x".repeat(100_000));
  const first = await variables.list({ limit: 5 });
  assert.equal(first.items.length, 5);
  const rest = await variables.list({ limit: 5, cursor: first.cursor ?? "" });
  assert.equal(rest.cursor, undefined);
  const all = [...first.items, ...rest.items];
  assert.deepEqual(all.map(({ name }) => name).sort(), ["long", ...names]);
  for (const item of all) {
    assert.equal(item.value, item.name === "long" ? undefined : item.name);
    assert.equal("value" in item, item.name !== "long");
  }
});

testCached("Variables show copies of what was set", async (it) => {
  const { variables } = it.session;
  const given = new Float64Array([1, 2]);
  const tree = { list: [1] };
  await variables.setMany([{ name: "array", value: given }, { name: "tree", value: tree }]);
  given[0] = 9;
  tree.list.push(9);
  const array = await variables.get<Float64Array>("array");
  array.value[1] = 9;
  (await variables.get<{ list: number[] }>("tree")).value.list.push(8);
  assert.deepEqual((await variables.get("array")).value, new Float64Array([1, 2]));
  assert.deepEqual((await variables.get("tree")).value, { list: [1] });
});

testCached("Variables.set() takes encoded values, as HTTP has them", async (it) => {
  const { variables } = it.session;
  const long = { rows: Array.from({ length: 1_000 }, (_, i) => i) };
  const nan = { $snakeden: "float", value: "NaN" };
  const tensor = { $snakeden: "array", dtype: "<f4", shape: [2], base64: "AACAPwAAAEA=" };
  for (
    const [tree, type, value] of [
      [long, "json", long],
      [nan, "float", NaN],
      [tensor, "tensor", new Float32Array([1, 2])],
      ["text", "string", "text"],
      [[1, 2], "json", [1, 2]],
    ] as const
  ) {
    const { type: found } = await variables.set("x", Value.fromJsonTree(tree), { type });
    assert.equal(found, type);
    assert.deepEqual((await variables.get("x")).value, value);
    await variables.delete("x");
    assert.equal((await variables.set("x", Value.fromJsonTree(tree))).type, type);
  }
});

testCached("Variables refuse bad names, options and values, and name the field", async (it) => {
  const { variables } = it.session;
  const name = /name: given .*; allowed: 1 to 128 letters, digits or/s;
  for (const bad of ["", "a/b", "x".repeat(129), "a b", "\n", 7] as string[]) {
    for (
      const work of [
        () => variables.set(bad, 1),
        () => variables.get(bad),
        () => variables.getMany([bad]),
        () => variables.delete(bad),
        () => variables.setMany([{ name: bad, value: 1 }]),
      ]
    ) assert.match((await refused(work(), "invalid_input")).message, name);
  }
  const table: [Record<string, unknown>, RegExp][] = [
    [{ ifVersion: -1 }, /ifVersion: given -1; allowed: a whole number from 0 on/],
    [{ typ: "float" }, /typ: there is no such option; did you mean "type"\?/],
  ];
  for (const [options, message] of table) {
    assert.match((await refused(variables.set("x", 1, options), "invalid_input")).message, message);
  }
  const noType = variables.set("x", 1, { type: 5 as never });
  assert.match(
    (await refused(noType, "invalid_variable")).message,
    /type: given 5; allowed: float,/,
  );
  const many = Array.from({ length: 1_001 }, (_, i) => ({ name: `v${i}`, value: 1 }));
  await refused(variables.setMany(many), "invalid_input");
  const error = await refused(variables.set("x", () => 1), "invalid_variable");
  assert.ok(error instanceof InvalidInputError);
  assert.match(
    error.message,
    /^Cannot set the variable "\w+": value\S*: a function cannot be sent/,
  );
});

Deno.test("Variables.set() refuses a value over sessions.maxVariableBytes", async () => {
  await using it = openSessions({ maxVariableBytes: 1_024 });
  const { variables } = await it.sessions.open("s1");
  await variables.set("x", "x".repeat(1_000));
  for (const value of ["x".repeat(1_020), "x".repeat(10_000), new Float64Array(200)]) {
    const error = await refused(variables.set("x", value, { type: "json" }), "invalid_variable");
    assert.match(error.message, /value: given \d+ bytes; allowed: 1024 bytes \(sessions\.maxVar/);
  }
});

Deno.test("Variables.set() refuses more than sessions.maxVariables, and still writes the others", async () => {
  await using it = openSessions({ maxVariables: 5 });
  for (const sessions of [it.sessions, it.again()]) {
    const { variables } = await sessions.open("s1");
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => variables.set(`v${i}`, i).catch((it: unknown) => it)),
    );
    assert.equal(results.filter((it) => codeOf(it) === "session_quota_exceeded").length, 7);
    assert.equal((await variables.list()).items.length, 5);
  }
  const { variables } = await it.sessions.get("s1");
  const [{ name } = { name: "" }] = (await variables.list()).items;
  await variables.set(name, 100);
  // A write that fails takes no place.
  await variables.delete(name);
  await refused(variables.set("new", 1, { ifVersion: 9 }), "version_conflict");
  await refused(variables.set("new", "x", { type: "float" }), "invalid_variable");
  await variables.set("new", 1);
  const error = await refused(variables.set("more", 1), "session_quota_exceeded");
  assert.deepEqual(error.details, { limit: "sessions.maxVariables", max: 5 });
});

Deno.test("Variables.setMany() writes a variable that is deleted while another one is read", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  await variables.set("x", 1);
  const store = it.store.sessions;
  const { getVars } = store;
  store.getVars = async (...args) => {
    store.getVars = getVars;
    await variables.delete("x");
    return await getVars.apply(store, args);
  };
  const results = await variables.setMany([{ name: "x", value: 2 }, { name: "y", value: 2 }]);
  assert.deepEqual(results.map(({ ok }) => ok), [true, true]);
});

Deno.test("Variables that are deleted and set at the same time count for sessions.maxVariables", async () => {
  await using it = openSessions({ maxVariables: 2 });
  const { variables } = await it.sessions.open("s1");
  await variables.set("x", 0);
  const store = it.store.sessions;
  const { dropVars } = store;
  const setting: Promise<unknown>[] = [];
  store.dropVars = async (...args) => {
    const answer = dropVars.apply(store, args);
    // It is checked while the variable is still known.
    setting.push(variables.set("x", setting.length));
    return await answer;
  };
  for (let i = 0; i < 5; i++) {
    await variables.delete("x");
    await setting[i];
  }
  assert.equal((await variables.get("x")).value, 4);
  await variables.set("y", 1);
  await refused(variables.set("z", 1), "session_quota_exceeded");
});

Deno.test("Variables.set() counts the variables once for many writes over sessions.maxVariables", async () => {
  await using it = openSessions({ maxVariables: 5 });
  const first = await it.sessions.open("s1");
  for (let i = 0; i < 5; i++) await first.variables.set(`v${i}`, i);
  const { variables } = await it.again().get("s1");
  let counts = 0;
  const { listVars } = it.store.sessions;
  it.store.sessions.listVars = (id, page) => {
    counts++;
    return listVars.call(it.store.sessions, id, page);
  };
  for (let i = 0; i < 20; i++) await refused(variables.set("more", i), "session_quota_exceeded");
  assert.equal(counts, 1);
  await variables.delete("v0");
  await variables.set("more", 1);
  await refused(variables.set("again", 1), "session_quota_exceeded");
});

Deno.test("Variables read from the cache once they were read or written", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  await variables.set("x", 1);
  const again = (await it.again().get("s1")).variables;
  let reads = 0;
  const { getVars } = it.store.sessions;
  it.store.sessions.getVars = (id, names) => {
    reads++;
    return getVars.call(it.store.sessions, id, names);
  };
  for (let i = 0; i < 10; i++) await variables.get("x");
  assert.equal(reads, 0);
  await Promise.all(Array.from({ length: 10 }, () => again.get("x")));
  assert.equal(reads, 1);
});

Deno.test("Variables keep no more in memory than sessions.cacheBytes", async () => {
  await using it = openSessions({ cacheBytes: 50_000 });
  const { variables } = await it.sessions.open("s1");
  for (let i = 0; i < 100; i++) await variables.set(`v${i}`, "x".repeat(5_000));
  const { cached, cachedBytes } = await it.sessions.stats();
  assert.ok(cached > 3 && cached < 12, `${cached}`);
  assert.ok(cachedBytes <= 50_000);
  for (let i = 0; i < 100; i++) {
    assert.equal((await variables.get<string>(`v${i}`)).value.length, 5_000);
  }
});

Deno.test("Variables that were not written do not change what readers see", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  const { version } = await variables.set("x", 1);
  const { setVars } = it.store.sessions;
  it.store.sessions.setVars = () =>
    Promise.reject(new SnakedenError("store_failed", "the disk is full", { retryable: true }));
  await refused(variables.set("x", 2), "store_failed");
  assert.deepEqual([(await variables.get("x")).value, version], [1, version]);
  it.store.sessions.setVars = setVars;
  await variables.set("x", 3, { ifVersion: version });
  assert.equal((await variables.get("x")).value, 3);
});

Deno.test("Variables and sessions whose write was made, though its answer got lost, are read again", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("s1");
  const { variables } = session;
  await variables.setMany([{ name: "x", value: 1 }, { name: "y", value: 1 }]);
  const store = it.store.sessions;
  const { setVars, dropVars, update } = store;
  const lost = async (work: Promise<unknown>): Promise<never> => {
    await work;
    throw new SnakedenError("store_failed", "the answer got lost", { retryable: true });
  };
  store.setVars = (...args) => lost(setVars.apply(store, args));
  store.dropVars = (...args) => lost(dropVars.apply(store, args));
  store.update = (...args) => lost(update.apply(store, args));
  await refused(variables.set("x", 2), "store_failed");
  await refused(variables.delete("y"), "store_failed");
  await refused(session.update({ metadata: { a: 1 } }), "store_failed");
  store.setVars = setVars;
  const { value, version } = await variables.get("x");
  assert.equal(value, 2);
  await variables.set("x", 3, { ifVersion: version });
  await refused(variables.get("y"), "unknown_variable");
  assert.deepEqual((await it.sessions.get("s1")).metadata, { a: 1 });
});

Deno.test("Variables.set() has room for a variable after one was deleted while all were counted", async () => {
  await using it = openSessions({ maxVariables: 2 });
  const first = await it.sessions.open("s1");
  await first.variables.setMany([{ name: "x", value: 1 }, { name: "y", value: 1 }]);
  const { variables } = await it.again().get("s1");
  const store = it.store.sessions;
  const { listVars } = store;
  store.listVars = async (...args) => {
    store.listVars = listVars;
    const page = await listVars.apply(store, args);
    await variables.delete("x");
    return page;
  };
  await variables.set("a", 1);
  await refused(variables.set("b", 1), "session_quota_exceeded");
});
