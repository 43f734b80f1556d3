import assert from "node:assert/strict";
import { InvalidInputError, PythonError, SnakedenError } from "../../../src/errors.ts";
import { problemText } from "../../../src/routes/http/problem.ts";
import { problemOf, problemResponse, PROBLEMS } from "../../../src/routes/mod.ts";

Deno.test("problemOf() shows the code, text and numbers of a SnakedenError", () => {
  const error = new SnakedenError("pool_saturated", "1000 calls wait already", {
    retryable: true,
    details: { queueLimit: 1_000 },
  });
  assert.deepEqual(problemOf(error, "r-1"), {
    type: "urn:snakeden:error:pool_saturated",
    title: "The queue of the pool is full",
    status: 429,
    detail: "1000 calls wait already",
    code: "pool_saturated",
    retryable: true,
    requestId: "r-1",
    details: { queueLimit: 1_000 },
  });
});

Deno.test("problemOf() lists fields once, under errors", () => {
  const issues = [{ path: "args.a", message: "is missing" }];
  const problem = problemOf(new InvalidInputError("no", issues, "invalid_arguments"), "r-1");
  assert.deepEqual(problem.errors, issues);
  assert.equal(problem.details, undefined);
});

Deno.test("problemOf() carries the Python exception", () => {
  const python = { type: "KeyError", message: "'a'", traceback: "Traceback ..." };
  assert.deepEqual(problemOf(new PythonError("KeyError: 'a'", python), "r-1").python, python);
});

Deno.test("problemOf() has a fixed text for an unforeseen error", () => {
  for (const error of [new TypeError("x is undefined"), "text", undefined, { status: 200 }]) {
    const { code, status, detail } = problemOf(error, "r-7");
    assert.deepEqual({ code, status, detail }, {
      code: "internal",
      status: 500,
      detail: "The log of the server has more under the request id r-7",
    });
  }
});

Deno.test("problemText() writes details that JSON cannot express", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const big = problemOf(new SnakedenError("internal", "x", { details: { n: 1n } }), "r");
  assert.equal(JSON.parse(problemText(big)).details.n, "1");
  const loop = problemOf(new SnakedenError("internal", "x", { details: circular }), "r");
  assert.equal(JSON.parse(problemText(loop)).detail, "x");
});

Deno.test("problemResponse() sends Retry-After with 429 and 503 if waiting helps, and nowhere else", async () => {
  for (const [code, { status }] of Object.entries(PROBLEMS)) {
    const problem = problemOf(new SnakedenError(code as keyof typeof PROBLEMS, "x"), "r");
    const answer = problemResponse(problem);
    assert.equal(answer.status, status);
    // Nobody knows when sessions expire that others use.
    const helps = (status === 429 || status === 503) && code !== "session_quota_exceeded";
    assert.equal(answer.headers.has("retry-after"), helps, code);
    await answer.body?.cancel();
  }
});

Deno.test("problemResponse() says when an open circuit may be tried again", () => {
  for (const [retryAfterMs, seconds] of [[0, "1"], [1_001, "2"], [30_000, "30"]] as const) {
    const error = new SnakedenError("circuit_open", "x", { details: { retryAfterMs } });
    assert.equal(problemResponse(problemOf(error, "r")).headers.get("retry-after"), seconds);
  }
});

Deno.test("docs/http.md lists every code with its status", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/http.md", import.meta.url));
  for (const [code, { status }] of Object.entries(PROBLEMS)) {
    assert.match(page, new RegExp(`\\| ${status} +\\| \`${code}\` `), code);
  }
});
