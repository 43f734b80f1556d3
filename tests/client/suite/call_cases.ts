import { equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** Calls, their options, and their errors. */
export const CALL_CASES: readonly Case[] = [
  {
    name: "execute() returns the result of a tool",
    run: async ({ den }) => equal(await den.execute<number>("add", { a: 2, b: 3 }), 5),
  },
  {
    name: "execute() returns the chunks of a generator as one list",
    run: async ({ den }) => equal(await den.execute("counter", { n: 3 }), [0, 1, 2]),
  },
  {
    name: "call() returns the value with the ids and times of the call",
    run: async ({ den }) => {
      const outcome = await den.call("add", { a: 2, b: 3 });
      equal(outcome.value.decode(), 5);
      holds(/^default-\d$/.test(outcome.workerId), outcome.workerId);
      holds(outcome.callId.length > 0, "an id");
      holds(outcome.durationMs >= outcome.queueMs && outcome.queueMs >= 0, "times");
    },
  },
  {
    name: "a call takes every option, and `arrays` changes the result",
    run: async ({ den, classes }) => {
      const value = new classes.NdArray("<i2", [2, 2], new Int16Array([1, 2, 3, 4]));
      const options = {
        pool: "default",
        timeoutMs: 20_000,
        stallTimeoutMs: 20_000,
        priority: 3,
        sessionId: `options-${crypto.randomUUID()}`,
        affinity: "hint",
        rebind: true,
        requestId: "a-request",
        idempotent: true,
        arrays: "list",
        signal: new AbortController().signal,
      } as const;
      equal(await den.execute("echo", { value }, options), [[1, 2], [3, 4]]);
    },
  },
  {
    name: "an exception of Python is a PythonError with type and traceback",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("fails_after", { n: 2 }));
      holds(error instanceof classes.PythonError, String(error));
      equal(error.code, "python_exception");
      equal(error.retryable, false);
      const python = error.python as Record<string, unknown>;
      equal([python.type, python.message], ["RuntimeError", "failed after 2 chunks"]);
      holds(String(python.traceback).includes("fails_after"), String(python.traceback));
    },
  },
  {
    name: "wrong arguments are an InvalidInputError that names each",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("add", { a: "x" }));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal(error.code, "invalid_arguments");
      const paths = (error.issues as { path: string }[]).map((it) => it.path);
      equal(paths.sort(), ["args.a", "args.b"]);
    },
  },
  {
    name: "an option that does not exist is refused by its name",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("ping", {}, { timeoutMS: 5 } as never));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal((error.issues as { path: string }[]).map((it) => it.path), ["timeoutMS"]);
      holds(String(error.message).includes('"timeoutMs"'), String(error.message));
    },
  },
  {
    name: "wrong options are refused, all of them, by their names",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("ping", {}, { timeoutMs: 0, priority: 99 }));
      holds(error instanceof classes.InvalidInputError, String(error));
      const paths = (error.issues as { path: string }[]).map((it) => it.path);
      equal(paths.sort(), ["priority", "timeoutMs"]);
    },
  },
  {
    name: "a request id that no header can hold is refused before anything runs",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("ping", {}, { requestId: "x".repeat(200) }));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal((error.issues as { path: string }[]).map((it) => it.path), ["requestId"]);
    },
  },
  {
    name: "an unknown tool and an unknown pool name near ones",
    run: async ({ den, classes }) => {
      const tool = await failure(() => den.execute("ad", {}));
      holds(tool instanceof classes.SnakedenError, String(tool));
      equal([tool.code, tool.details], ["unknown_tool", { tool: "ad" }]);
      holds(String(tool.message).includes('"add"'), String(tool.message));
      const pool = await failure(() => den.execute("add", {}, { pool: "defualt" }));
      equal([pool.code, pool.details], ["unknown_pool", { pool: "defualt" }]);
    },
  },
  {
    name: "a deadline that passes is a DeadlineExceededError with its stage",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("sleep", { seconds: 30 }, { timeoutMs: 100 }));
      holds(error instanceof classes.DeadlineExceededError, String(error));
      equal([error.code, error.stage, error.retryable], ["deadline_exceeded", "tool", true]);
    },
  },
  {
    name: "a worker that dies is a WorkerCrashedError with its exit",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("exit_with", { code: 7 }));
      holds(error instanceof classes.WorkerCrashedError, String(error));
      const exit = error.exit as Record<string, unknown>;
      equal([error.code, exit.exitCode, exit.signal], ["worker_crashed", 7, null]);
      equal((error.details as Record<string, unknown>).mayHaveRun, true);
    },
  },
  {
    name: "a signal that aborts ends the call with its reason",
    run: async ({ den }) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const call = failure(() =>
        den.execute("sleep", { seconds: 30 }, { signal: controller.signal })
      );
      controller.abort(reason);
      holds(await call as unknown === reason, "the reason itself");
    },
  },
  {
    name: "a signal that has aborted already lets nothing begin",
    run: async ({ den }) => {
      const reason = new Error("too late");
      const signal = AbortSignal.abort(reason);
      holds(await failure(() => den.execute("ping", {}, { signal })) as unknown === reason, "it");
    },
  },
  {
    name: "a cancelled call frees its worker",
    run: async ({ den }) => {
      const controller = new AbortController();
      const { signal } = controller;
      const calls = [1, 2].map(() =>
        failure(() => den.execute("sleep", { seconds: 60 }, { signal }))
      );
      await busy(den, 2);
      controller.abort();
      await Promise.all(calls);
      equal(await den.execute("add", { a: 1, b: 1 }, { timeoutMs: 20_000 }), 2);
    },
  },
];

/** Waits until so many workers are busy; the deadline of the test ends it otherwise. */
async function busy(den: Parameters<Case["run"]>[0]["den"], count: number): Promise<void> {
  while ((await den.pools.get("default")).workers.busy < count) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
