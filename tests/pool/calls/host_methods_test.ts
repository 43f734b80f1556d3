import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { type AskingCall, HostMethods } from "../../../src/pool/mod.ts";

const CALL: AskingCall = {
  callId: "c-1",
  requestId: "r-1",
  sessionId: "s-1",
  pool: "default",
  tool: "t",
  workerId: "default-1",
  incarnation: "i1",
  depth: 0,
  remainingMs: 1_000,
  signal: new AbortController().signal,
};

Deno.test("HostMethods.answer() passes the call and the arguments to the method", () => {
  const methods = new HostMethods({
    "session.id": ({ sessionId }, args) => Value.from([sessionId, args.decode()]),
  });
  const answer = methods.answer(CALL, "session.id", Value.from({ a: 1 }));
  assert.ok(answer instanceof Value);
  assert.deepStrictEqual(answer.decode(), ["s-1", { a: 1 }]);
});

Deno.test("HostMethods.answer() refuses an unknown method, and names the known ones", () => {
  const answer = () => Value.from(null);
  const methods = new HostMethods({ "a.b": answer, "a.c": answer });
  for (const method of ["a.d", "constructor", "__proto__", ""]) {
    assert.throws(() => methods.answer(CALL, method, Value.from(null)), {
      code: "not_implemented",
      message: `Cannot answer "${method}": the host has no such method; known: a.b, a.c`,
    });
  }
  assert.throws(() => new HostMethods({}).answer(CALL, "x", Value.from(null)), /it knows none$/);
});
