import assert from "node:assert/strict";
import { NdArray, Value } from "../../src/bridge/mod.ts";
import { InvalidInputError } from "../../src/errors.ts";
import type { Variables } from "../../src/sessions/mod.ts";
import { openSessions } from "./opened_sessions.ts";

const MB = 1_000_000;
const LARGE = { maxVariableBytes: 200 * MB, cacheBytes: 1 * MB };

/** Counts the turns of the event loop during some work. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setTimeout(count);
  };
  setTimeout(count);
  await work;
  isOver = true;
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  return turns;
}

Deno.test("Variables.set() refuses 100 MB by default, and names the limit", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  for (const value of [new Uint8Array(100 * MB), new Float32Array(25 * MB)]) {
    await assert.rejects(variables.set("x", value), (error) => {
      assert.ok(error instanceof InvalidInputError);
      assert.equal(error.code, "invalid_variable");
      assert.equal(error.issues[0]?.path, "value");
      assert.match(
        error.message,
        /given 1000000\d\d bytes; allowed: 16777216 bytes \(sessions\.maxVariableBytes\)$/,
      );
      return true;
    });
  }
  assert.deepEqual((await variables.list()).items, []);
});

Deno.test("Variables.set() takes 100 MB if the configuration allows it, and the loop has turns meanwhile", async () => {
  await using it = openSessions(LARGE);
  const { variables } = await it.sessions.open("s1");
  const bytes = new Uint8Array(100 * MB).map((_, i) => i);
  const set = await turnsDuring(variables.set("bytes", bytes));
  const read = variables.get<Uint8Array>("bytes");
  const got = await turnsDuring(read);
  assert.ok(set > 20 && got > 20, `${set} and ${got} turns`);
  const { value, type } = await read;
  assert.equal(type, "json");
  assert.ok(value.byteLength === bytes.byteLength && value.every((byte, i) => byte === (i & 255)));
  // What was read is a copy.
  value.fill(9);
  assert.equal((await variables.get<Uint8Array>("bytes")).value[3], 3);
});

Deno.test("Variables.setMany() of many values that are large together lets the loop have turns", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  const items = Array.from({ length: 300 }, (_, i) => ({
    name: `v${i}`,
    value: new Uint8Array(100_000).fill(i),
  }));
  const setting = variables.setMany([...items, { name: "v7", value: 7 }]);
  const last = variables.set("v299", 299);
  assert.ok(await turnsDuring(setting) > 10);
  assert.ok((await setting).every(({ ok }) => ok));
  await last;
  const found = await variables.getMany(items.map(({ name }) => name));
  for (const { name, value } of items) {
    const expected = name === "v7" ? 7 : name === "v299" ? 299 : value;
    assert.deepEqual(found.get(name)?.value, expected, name);
  }
});

Deno.test("Variables keep large arrays with their type and shape, and check the shape", async () => {
  await using it = openSessions(LARGE);
  const { variables } = await it.sessions.open("s1");
  const data = new Float32Array(6 * MB).fill(0.5);
  const matrix = new NdArray("<f4", [2_000, 3_000], data);
  await variables.set("m", matrix, { constraints: { shape: [2_000, null] } });
  const [many] = (await variables.getMany(["m"])).values();
  assert.deepEqual(many?.value, matrix);
  const encoded = Value.from(new NdArray("<f4", [3_000, 2_000], data));
  for (const value of [encoded, encoded.decode()]) {
    await assert.rejects(variables.set("m", value), {
      code: "invalid_variable",
      message: /value: given an array of shape \[3000, 2000\]; allowed: the shape \[2000, any\]/,
    });
  }
  await variables.set("m", Value.from(matrix));
  await assert.rejects(variables.set("m", Value.from(matrix), { type: "embedding" }), {
    code: "invalid_variable",
    message: /allowed: a list of numbers/,
  });
});

async function writeBoth(variables: Variables, writes: readonly number[]): Promise<number> {
  const all = writes.map((length) => variables.set("x", new Uint8Array(length)));
  await Promise.all(all);
  return (await variables.get<Uint8Array>("x")).value.byteLength;
}

Deno.test("Variables.set() of large and small values takes effect in the order of the calls", async () => {
  for (const cacheBytes of [0, 64 * MB]) {
    await using it = openSessions({ ...LARGE, cacheBytes });
    const { variables } = await it.sessions.open("s1");
    await variables.set("x", new Uint8Array(1));
    for (
      const writes of [[20 * MB, 10], [10, 20 * MB], [20 * MB, 20 * MB, 30], [30 * MB, 9 * MB]]
    ) {
      assert.equal(await writeBoth(variables, writes), writes.at(-1));
    }
  }
});

Deno.test("Variables.set() of a large value that loses its version leaves what is there", async () => {
  await using it = openSessions(LARGE);
  const { variables } = await it.sessions.open("s1");
  const { version } = await variables.set("x", 1, { type: "json" });
  const large = variables.set("x", new Uint8Array(20 * MB), { ifVersion: version });
  const small = variables.set("x", 2, { ifVersion: version });
  await large;
  await assert.rejects(small, { code: "version_conflict" });
  assert.equal((await variables.get<Uint8Array>("x")).value.byteLength, 20 * MB);
});
