import { all, equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** Streams. */
export const STREAM_CASES: readonly Case[] = [
  {
    name: "stream() yields the chunks, then has the result",
    run: async ({ den }) => {
      const stream = den.stream("returns_value", { n: 3 });
      equal(await all(stream), [0, 1, 2]);
      equal(await stream.result, "sent 3");
    },
  },
  {
    name: "a stream of a tool that does not stream yields its result",
    run: async ({ den }) => {
      equal(await all(den.stream("add", { a: 1, b: 2 })), [3]);
      equal(await all(den.stream("counter", { n: 0 })), []);
    },
  },
  {
    name: "events() yields chunks and progress, then done",
    run: async ({ den }) => {
      const events = await all(den.stream("reports", { n: 3 }).events());
      const last = events.at(-1);
      holds(last?.type === "done", String(last?.type));
      equal(last?.value.decode(), 3);
      holds(events.some(({ type }) => type === "progress"), "progress");
      const chunks = await all(den.stream("counter", { n: 2 }).events());
      equal(chunks.map(({ type }) => type), ["chunk", "chunk", "done"]);
      equal(chunks.slice(0, 2).map(({ value }) => value.decode()), [0, 1]);
    },
  },
  {
    name: "a stream begins with the first read, and is read once",
    run: async ({ den }) => {
      const before = (await den.pools.get("default")).stats.requests;
      const stream = den.stream("counter", { n: 1 });
      equal((await den.pools.get("default")).stats.requests, before);
      equal(await all(stream), [0]);
      const error = await failure(() => all(stream));
      holds(error instanceof TypeError, String(error));
    },
  },
  {
    name: "awaiting the result of an unread stream runs it and drops the chunks",
    run: async ({ den }) => {
      const stream = den.stream("returns_value", { n: 2 });
      equal(await stream.result, "sent 2");
      holds(await failure(() => all(stream)) instanceof TypeError, "read after its result");
    },
  },
  {
    name: "a generator that raises fails the loop after its chunks",
    run: async ({ den, classes }) => {
      const chunks: unknown[] = [];
      const stream = den.stream("fails_after", { n: 2 });
      const error = await failure(async () => {
        for await (const chunk of stream) chunks.push(chunk);
      });
      equal(chunks, [0, 1]);
      holds(error instanceof classes.PythonError, String(error));
      holds(await failure(() => stream.result) === error, "the same error");
    },
  },
  {
    name: "leaving the loop cancels the call and frees the worker",
    run: async ({ den }) => {
      const stream = den.stream<string>("endless");
      for await (const chunk of stream) {
        equal(chunk, "");
        break;
      }
      equal((await failure(() => stream.result)).name, "AbortError");
      while ((await den.pools.get("default")).workers.busy > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  },
  {
    name: "a signal that aborts ends a stream with its reason",
    run: async ({ den }) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const error = await failure(async () => {
        for await (const _ of den.stream("endless", {}, { signal: controller.signal })) {
          controller.abort(reason);
        }
      });
      holds(error as unknown === reason, String(error));
    },
  },
  {
    name: "an unknown tool fails with the first read",
    run: async ({ den }) =>
      equal((await failure(() => all(den.stream("no_such_tool")))).code, "unknown_tool"),
  },
  {
    name: "a worker that dies in a stream is a WorkerCrashedError",
    run: async ({ den, classes }) => {
      const error = await failure(() => all(den.stream("exit_with", { code: 3 })));
      holds(error instanceof classes.WorkerCrashedError, String(error));
    },
  },
  {
    name: "chunks keep their values and their order, thousands of them",
    run: async ({ den }) => {
      const chunks = await all(den.stream<{ index: number }>("numbers", { n: 3_000, size: 40 }));
      equal(chunks.length, 3_000);
      holds(chunks.every(({ index }, i) => index === i), "in order");
    },
  },
];
