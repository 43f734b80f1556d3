/**
 * The cases of sessions, in their own words, with real workers on both carriers. Case 97 is in
 * session_variables_test.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Snakeden, SnakedenError, type SnakedenOptions } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const S1 = { sessionId: "s1" } as const;
const STRICT = { ...S1, affinity: "strict_queue" } as const;
const MB = 1_000_000;

async function start(
  carrier: CarrierKind,
  sessions: SnakedenOptions["sessions"] = {},
  limits: SnakedenOptions["limits"] = {},
): Promise<Snakeden> {
  const pool = { adapter: "keeps_state:KeepsState", carrier, size: 1, taintAfter: 0 };
  return await startDen(pool, { sessions, limits });
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`92. Create/get/update/delete/list; create twice returns the existing one; get touches (${carrier})`, async () => {
    await using den = await start(carrier);
    const { sessions } = den;
    const created = await sessions.open("s1", { ttlMs: 60_000, metadata: { a: 1 } });
    const again = await sessions.open("s1", { ttlMs: 1_000, metadata: { b: 2 } });
    assert.deepEqual(again.info, created.info);
    await again.update({ metadata: { c: 3 } });
    const got = await sessions.get("s1");
    assert.deepEqual([got.metadata, got.version], [{ c: 3 }, 2]);
    assert.deepEqual((await sessions.list()).items.map(({ id }) => id), ["s1"]);
    await got.variables.set("x", 1);
    assert.equal(await den.execute("read", { name: "x" }, S1), 1);
    await sessions.delete("s1");
    assert.equal((await errorOf(sessions.get("s1"))).code, "unknown_session");
    assert.equal(await den.execute("code_of", { name: "x" }, S1), "unknown_session");
    // Use renews once a tenth of the time has passed.
    const short = await sessions.open("s1", { ttlMs: 2_000 });
    await until(async () => {
      const { expiresAt } = await sessions.get("s1");
      return expiresAt > short.expiresAt;
    }, "get has touched it");
  });

  Deno.test(`93. TTL 0 or past: session is gone for readers even before the sweep, and is swept (${carrier})`, async () => {
    await using den = await start(carrier, { sweepMs: 86_400_000 });
    const { sessions } = den;
    for (const ttlMs of [0, -1, 1e18, NaN, "5" as unknown as number]) {
      const { code, message } = await errorOf(sessions.open("s1", { ttlMs }));
      assert.equal(code, "invalid_input");
      assert.match(message, /ttlMs: given .*; allowed: .* from 1 to 2592000000 \(sessions\.maxTtl/);
    }
    await sessions.open("s1", { ttlMs: 1 });
    await until(async () => {
      const seen = await den.execute("code_of", { name: "x" }, S1);
      return seen === "unknown_session";
    }, "no reader sees it");
    assert.equal((await errorOf(sessions.get("s1"))).code, "unknown_session");
    assert.equal((await sessions.stats()).open, 1, "it is not swept yet");
  });

  Deno.test(`94. At max_sessions a new one is refused with session_quota_exceeded; update of an existing one works (${carrier})`, async () => {
    await using den = await start(carrier, { max: 2, maxVariables: 2 });
    const { sessions } = den;
    for (const id of ["s1", "s2"]) await sessions.open(id);
    const error = await errorOf(sessions.open("s3"));
    assert.deepEqual([error.code, error.details], [
      "session_quota_exceeded",
      { limit: "sessions.max", max: 2 },
    ]);
    await (await sessions.open("s2")).update({ metadata: { a: 1 } });
    for (const name of ["a", "b", "a"]) await den.execute("set", { name, value: 1 }, S1);
    await assert.rejects(den.execute("set", { name: "c", value: 1 }, S1), {
      message: /"c": there are 2 already \(sessions\.maxVariables\).*\(session_quota_exceeded\)/,
    });
  });

  Deno.test(`96. Variable of wrong type or outside constraint refused; NaN/Inf round-trip (${carrier})`, async () => {
    await using den = await start(carrier);
    const { variables } = await den.sessions.open("s1");
    for (const value of [NaN, Infinity, -Infinity, -0]) {
      await den.execute("write", { name: "free", value }, S1);
      assert.ok(Object.is((await variables.get("free")).value, value));
      await variables.set("back", value, { type: "float" });
      assert.ok(Object.is(await den.execute("read", { name: "back" }, S1), value));
    }
    await variables.set("t", 0.5, { constraints: { min: 0, max: 1 } });
    await variables.set("m", new Float32Array(6), { constraints: { shape: [6] } });
    await variables.set("e", [1, 2], { type: "embedding", constraints: { dimensions: 2 } });
    await variables.set("mode", "a", { type: "choice", constraints: { choices: ["a", "b"] } });
    const table: [string, unknown, RegExp][] = [
      ["t", "warm", /value: given "warm"; allowed: a number .*\(type float\)/],
      ["t", 2, /value: given 2; allowed: at most 1 \(max\)/],
      ["t", NaN, /value: given NaN; allowed: at least 0 \(min\)/],
      ["t", -Infinity, /value: given -Infinity; allowed: at least 0 \(min\)/],
      ["m", new Float32Array(5), /value: given an array of .*; allowed: the shape \[6\]/],
      ["e", [1, 2, 3], /value: .*; allowed: 2 numbers \(dimensions\); it has 3/],
      ["mode", "c", /value: given "c"; allowed: "a", "b" \(choices\)/],
    ];
    for (const [name, value, message] of table) {
      const fromHost = await errorOf(variables.set(name, value));
      assert.equal(fromHost.code, "invalid_variable");
      assert.match(fromHost.message, message);
      const fromPython = await errorOf(den.execute("set", { name, value }, S1));
      assert.match(fromPython.message, message);
      assert.match(fromPython.message, /invalid_variable/);
    }
    assert.equal((await variables.get("t")).value, 0.5);
    // Names and versions are held to the same rules everywhere.
    for (const name of ["", "a/b", "x".repeat(10_240), "a\n", "ü"]) {
      assert.equal((await errorOf(variables.get(name))).code, "invalid_input");
      assert.equal(await den.execute("code_of", { name }, S1), "invalid_input");
    }
    assert.equal((await errorOf(variables.get("none"))).code, "unknown_variable");
    assert.equal(await den.execute("code_of", { name: "none" }, S1), "KeyError: 'none'");
  });

  Deno.test(`a session that is deleted while its calls run lets them go on, and those that wait for its worker (${carrier})`, async () => {
    await using den = await start(carrier);
    await using dir = await tempDir();
    const path = join(dir.path, "go");
    const { sessions } = den;
    const { variables } = await sessions.open("s1");
    const args = { path, name: "x", value: 1 };
    const running = errorOf(den.execute("write_when", args, STRICT));
    await until(() => den.pools.get("default").workers.busy === 1, "it runs");
    const queued = [1, 2].map(() => den.execute("code_of", { name: "x" }, STRICT));
    await sessions.delete("s1");
    assert.equal((await errorOf(variables.get("x"))).code, "unknown_session");
    await Deno.writeTextFile(path, "");
    // The call itself went on; the session that it uses is not there any more.
    assert.match((await running).message, /HostError: .*unknown_session/);
    assert.deepEqual(await Promise.all(queued), ["unknown_session", "unknown_session"]);
    // Later ones see a session that was opened since, and nothing of the old one.
    await sessions.open("s1");
    assert.equal(await den.execute("code_of", { name: "x" }, STRICT), "KeyError: 'x'");
  });

  Deno.test(`a variable of 100 MB from Python is refused with the limit, and taken if the configuration allows it (${carrier})`, async () => {
    const limits = { maxResultBytes: 200 * MB };
    const args = { name: "x", size: 100 * MB, form: "tensor" };
    for (
      const [given, message] of [
        [
          {},
          /the variable .x. has at least 100000000 bytes, the limit is 67108864 \(limits\.maxResultBytes\)/,
        ],
        [limits, /given 1000000\d\d bytes; allowed: 16777216 bytes \(sessions\.maxVariableBytes\)/],
      ] as const
    ) {
      await using den = await start(carrier, {}, given);
      await den.sessions.open("s1");
      await assert.rejects(den.execute("write_large", args, S1), { message });
    }
    await using den = await start(carrier, { maxVariableBytes: 200 * MB }, limits);
    const { variables } = await den.sessions.open("s1");
    for (const form of carrier === "socket" ? ["tensor", "bytes"] : ["tensor"]) {
      await den.execute("write_large", { name: form, size: 100 * MB, form }, S1);
      const { type, value } = await variables.get<Float32Array | Uint8Array>(form);
      assert.deepEqual([type, value.byteLength], [form === "bytes" ? "json" : "tensor", 100 * MB]);
      const sum = await den.execute("sum_large", { name: form }, S1);
      assert.deepEqual(sum, [25 * MB, 12.5 * MB]);
    }
  });
}
