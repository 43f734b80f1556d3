import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import assert from "node:assert/strict";
import { InvalidInputError, PythonError, SnakedenError } from "../../../src/errors.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import {
  chunk,
  clientOf,
  memoryEngine,
  type MemoryEngineOptions,
  outcomeOf,
} from "../memory_engine.ts";

const TRACEBACK = `Traceback (most recent call last):
  File "/srv/app/models.py", line 31, in train
    inner()
  File "/srv/app/inner.py", line 7, in inner
    raise ValueError("no rows")
ValueError: no rows
`;

function raised(): PythonError {
  return new PythonError(
    "tool 'train' raised ValueError: no rows",
    { type: "ValueError", message: "no rows", traceback: TRACEBACK },
    { tool: "train", workerId: "my-pool-2" },
  );
}

/** Returns the records that are logged for one call that fails with `error`. */
async function logged(
  error: unknown,
  { path = "/v1/execute", body = {}, ...options }: MemoryEngineOptions & {
    readonly path?: string;
    readonly body?: Record<string, unknown>;
  } = {},
): Promise<{ readonly records: readonly LogRecord[]; readonly text: string }> {
  const records: LogRecord[] = [];
  configureSync({
    reset: true,
    sinks: { test: (record) => void records.push(record) },
    loggers: [
      { category: ["snakeden", "http"], sinks: ["test"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  try {
    const client = clientOf(memoryEngine({
      call: () => Promise.reject(error),
      events: async function* (): AsyncGenerator<StreamEvent> {
        await Promise.resolve();
        yield chunk(1);
        throw error;
      },
      ...options,
    }));
    const headers = { "x-request-id": "r-17" };
    const answer = await client.post(path, { tool: "train", ...body }, headers);
    return { text: await answer.text(), records };
  } finally {
    resetSync();
  }
}

Deno.test("logAccess() logs the tool, pool, worker, code, exception, source line and request id of a tool that raises", async () => {
  const { records: [record, ...others] } = await logged(raised());
  assert.deepEqual(others, []);
  assert.equal(record?.level, "warning");
  assert.equal(record?.message.join(""), "POST /v1/execute 500");
  const { durationMs, ...properties } = record?.properties ?? {};
  assert.equal(typeof durationMs, "number");
  assert.deepEqual(properties, {
    method: "POST",
    path: "/v1/execute",
    status: 500,
    requestId: "r-17",
    code: "python_exception",
    tool: "train",
    pool: "my-pool",
    workerId: "my-pool-2",
    exception: "ValueError: no rows",
    at: "/srv/app/inner.py:7",
  });
});

Deno.test("logAccess() logs a stream that fails after its first event", async () => {
  const { records, text } = await logged(raised(), { path: "/v1/stream" });
  assert.match(text, /event: chunk/);
  const failures = records.filter((it) => it.level === "warning");
  assert.equal(failures.length, 1);
  assert.equal(failures[0]?.message.join(""), "POST /v1/stream 500");
  const { code, tool, exception, at, requestId } = failures[0]?.properties ?? {};
  assert.deepEqual({ code, tool, exception, at, requestId }, {
    code: "python_exception",
    tool: "train",
    exception: "ValueError: no rows",
    at: "/srv/app/inner.py:7",
    requestId: "r-17",
  });
});

Deno.test("logAccess() logs mistakes of the caller at level info, with the requested pool", async () => {
  const error = new InvalidInputError("args.a is missing", [], "invalid_arguments");
  const { records: [record] } = await logged(error, { body: { pool: "default" } });
  assert.equal(record?.level, "info");
  const { code, tool, pool, problem } = record?.properties ?? {};
  assert.deepEqual({ code, tool, pool, problem }, {
    code: "invalid_arguments",
    tool: "train",
    pool: "default",
    problem: "args.a is missing",
  });
});

Deno.test("logAccess() cuts the text of a long exception", async () => {
  const python = { type: "ValueError", message: "x".repeat(8_000), traceback: "no frames" };
  const { records: [record] } = await logged(new PythonError("raised", python));
  assert.equal(String(record?.properties["exception"]).length, 501);
  assert.equal(record?.properties["at"], undefined);
});

Deno.test("logAccess() logs a client that left as cancelled, not as an internal error", async () => {
  const left = new DOMException("The request has been cancelled.", "AbortError");
  for (const path of ["/v1/execute", "/v1/stream"]) {
    const { records } = await logged(left, { path });
    const record = records.find((it) => it.properties["code"] !== undefined);
    assert.deepEqual([record?.level, record?.properties["status"]], ["info", 499]);
    assert.equal(record?.properties["code"], "cancelled");
  }
});

Deno.test("logAccess() logs requests that are refused before they reach a route", async () => {
  const config = { apiKey: "0123456789abcdef" };
  const { records: [record, ...others], text } = await logged(undefined, { config });
  assert.match(text, /"code":"unauthenticated"/);
  assert.deepEqual(others, []);
  const { status, code, requestId, path } = record?.properties ?? {};
  assert.deepEqual({ status, code, requestId, path }, {
    status: 401,
    code: "unauthenticated",
    requestId: "r-17",
    path: "/v1/execute",
  });
});

Deno.test("logAccess() logs why no route accepted a request", async () => {
  for (const [path, code] of [["/v1/none", "not_found"], ["/v1/tools", "method_not_allowed"]]) {
    const { records: [record] } = await logged(undefined, { path: path ?? "" });
    assert.equal(record?.properties["code"], code);
  }
});

Deno.test("logAccess() logs neither code nor tool of a call that succeeds", async () => {
  const { records } = await logged(undefined, {
    call: () => Promise.resolve(outcomeOf(5)),
  });
  assert.deepEqual(records.map((it) => it.level), ["debug"]);
  const { status, code, tool } = records[0]?.properties ?? {};
  assert.deepEqual({ status, code, tool }, { status: 200, code: undefined, tool: undefined });
});

Deno.test("errors: false removes output and tracebacks from responses, but not from the log", async () => {
  const config = { errors: { output: false, traceback: false } };
  for (const path of ["/v1/execute", "/v1/stream"]) {
    const exception = await logged(raised(), { path, config });
    assert.doesNotMatch(exception.text, /Traceback|srv/);
    assert.match(exception.text, /"type":"ValueError","message":"no rows"/);
    const warned = exception.records.find((it) => it.level === "warning");
    assert.equal(warned?.properties["traceback"], TRACEBACK);

    const crash = new SnakedenError("worker_crashed", "Cannot finish train: it died", {
      output: "; last output: a secret",
      details: {
        pid: 4,
        lastOutput: ["a secret"],
        crash: { kind: "fatal_error", reason: "a secret" },
        history: [{ workerId: "w-1", pid: 5, crash: { kind: "exit", reason: "a secret" } }],
        python: { type: "ValueError", traceback: "a secret" },
      },
    });
    const died = await logged(crash, { path, config });
    assert.match(died.text, /"detail":"Cannot finish train: it died"/);
    assert.doesNotMatch(died.text, /secret|pid|lastOutput|traceback/);
    assert.match(died.text, /"history":\[\{"workerId":"w-1","crash":\{"kind":"exit"\}\}\]/);
    const told = died.records.find((it) => it.level === "warning");
    assert.match(String(told?.properties["problem"]), /last output: a secret/);

    const shown = await logged(crash, { path });
    assert.match(shown.text, /it died; last output: a secret/);
    assert.match(shown.text, /"lastOutput":\["a secret"\]/);
    assert.doesNotMatch(shown.text, /pid/);
  }
});

Deno.test("errors: { output: false } hides the reasons of pools", async () => {
  const [pool] = memoryEngine().pools.list();
  assert.ok(pool);
  const reason = "default-1 died; last output: a secret";
  const options: MemoryEngineOptions = {
    namespaces: {
      pools: { list: () => [{ ...pool, state: "unhealthy", reason }] },
      health: {
        ready: () =>
          Promise.resolve({ ready: false, pools: { default: { ready: false, reason } } }),
      },
    },
  };
  const paths = ["/v1/pools", "/v1/pools/default", "/readyz"];
  const hiding = clientOf(memoryEngine({ ...options, config: { errors: { output: false } } }));
  const showing = clientOf(memoryEngine(options));
  for (const path of paths) {
    assert.doesNotMatch(await (await hiding.request(path)).text(), /secret/, path);
    assert.match(await (await showing.request(path)).text(), /secret/, path);
  }
});
