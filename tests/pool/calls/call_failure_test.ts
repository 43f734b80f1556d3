import assert from "node:assert/strict";
import type { WireError } from "../../../src/bridge/mod.ts";
import {
  DeadlineExceededError,
  InvalidInputError,
  PythonError,
  SnakedenError,
} from "../../../src/errors.ts";
import { callFailure } from "../../../src/pool/calls/call_failure.ts";

const CONTEXT = { tool: "add", workerId: "w-1", timeoutMs: 100, queueMs: 20.4, runMs: 79.6 };

function wire(code: string, extra: Partial<WireError> = {}): WireError {
  return { code, message: "the message", python: null, issues: [], ...extra };
}

Deno.test("callFailure() turns an exception into a PythonError", () => {
  const python = { type: "ValueError", message: "no", traceback: "Traceback" };
  const error = callFailure(wire("python_exception", { python }), CONTEXT);
  assert.ok(error instanceof PythonError);
  assert.equal(error.message, "the message");
  assert.deepStrictEqual(error.python, python);
  assert.equal(error.retryable, false);
  const bare = callFailure(wire("python_exception"), CONTEXT);
  assert.ok(bare instanceof PythonError && bare.python.type === "Exception");
});

Deno.test("callFailure() keeps every field of arguments that were refused", () => {
  const issues = [{ path: "args.a", message: "expected int" }, { path: "args.b", message: "x" }];
  const error = callFailure(wire("invalid_arguments", { issues }), CONTEXT);
  assert.ok(error instanceof InvalidInputError);
  assert.equal(error.code, "invalid_arguments");
  assert.deepStrictEqual(error.issues, issues);
});

Deno.test("callFailure() shows where the time of a call was spent", () => {
  const error = callFailure(wire("deadline_exceeded"), CONTEXT);
  assert.ok(error instanceof DeadlineExceededError);
  assert.equal(error.stage, "tool");
  assert.equal(
    error.message,
    "Cannot finish add: its deadline of 100 ms passed after it had waited 20 ms for a worker and run 80 ms",
  );
});

Deno.test("callFailure() keeps the codes that a worker may use, and turns the others into internal", () => {
  for (const code of ["unknown_tool", "cancelled", "result_too_large", "invalid_value"]) {
    assert.equal(callFailure(wire(code), CONTEXT).code, code);
  }
  for (const code of ["", "pool_saturated", "nonsense", "worker_crashed"]) {
    const error = callFailure(wire(code), CONTEXT);
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "internal");
    assert.deepStrictEqual(error.details, { tool: "add", workerId: "w-1" });
  }
});
