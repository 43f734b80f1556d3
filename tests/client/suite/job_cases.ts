import type { JobEvent, JobInput } from "../../../src/client/mod.ts";
import { all, equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

function newKey(): string {
  return `k-${crypto.randomUUID()}`;
}

function issuePaths(error: Record<string, unknown>): string[] {
  return (error.issues as { path: string }[]).map(({ path }) => path);
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  for (const item of items) yield item;
}

/** Returns the types of events, without those that only tell what holds at a moment. */
function keptTypes(events: readonly JobEvent[]): string[] {
  return events.map(({ type }) => type).filter((it) => it !== "progress" && it !== "state");
}

const ADD = { tool: "add", args: { a: 2, b: 3 } } as const;

/** Durable jobs and their queues. */
export const JOB_CASES: readonly Case[] = [
  {
    name: "a job is created, runs, and has a result",
    run: async ({ den }) => {
      const tags = [newKey()];
      const job = await den.jobs.submit({ ...ADD, tags, metadata: { user: "ann" } });
      equal([job.answer, job.job.kind, job.job.tool], ["created", "call", "add"]);
      equal(await job.result<number>(), 5);
      const { state, done, attempt, queue, pool, result, metadata } = await den.jobs.get(job.id);
      equal(
        { state, done, attempt, queue, pool, result, metadata },
        {
          state: "completed",
          done: true,
          attempt: 1,
          queue: "default",
          pool: "default",
          result: 5,
          metadata: { user: "ann" },
        },
      );
      const ended = await job.refresh();
      equal(ended.attempts?.map((it) => [it.attempt, it.outcome]), [[1, "completed"]]);
      equal(ended.tags, tags);
      equal((await den.jobs.list({ tag: tags })).items.map(({ id }) => id), [job.id]);
    },
  },
  {
    name: "arguments and results of jobs are values, short and long",
    run: async ({ den, classes }) => {
      const values = [
        2n ** 70n,
        new Uint8Array([0, 255]),
        new Float64Array([0.5, NaN]),
        new classes.NdArray("<i2", [2, 2], new Int16Array([1, 2, 3, 4])),
        { deep: [null, -0, "ä"], $snakeden: "mine" },
        new Uint8Array(300_000).fill(7),
      ];
      for (const value of values) {
        const job = await den.jobs.submit({ tool: "echo", args: { value } });
        equal(await job.result(), value);
        equal(await den.jobs.result(job.id), value);
      }
    },
  },
  {
    name: "the events of a job are its state, its chunks, each once, and its end",
    run: async ({ den }) => {
      const job = await den.jobs.submit({ tool: "counter", args: { n: 5 } });
      const events = await all(job);
      equal(events[0]?.type, "state");
      const chunks = events.flatMap((it) => it.type === "chunk" ? [it] : []);
      equal(chunks.map(({ value, run }) => [value, run]), [[0, 1], [1, 1], [2, 1], [3, 1], [4, 1]]);
      const last = events.at(-1);
      equal(last?.type === "end" && last.job.result, [0, 1, 2, 3, 4]);
      const after = chunks[2]?.id ?? 0;
      const rest = await all(den.jobs.events(job.id, { after }));
      equal(keptTypes(rest), ["chunk", "chunk", "end"]);
      const behind = await all(den.jobs.events(job.id, { after: chunks.length + 10 }));
      equal(behind.map(({ type }) => type), ["state"]);
    },
  },
  {
    name: "a job that fails throws the error of its last attempt",
    run: async ({ den, classes }) => {
      const retry = { never: ["RuntimeError"] };
      const job = await den.jobs.submit({ tool: "fails_after", args: { n: 1 }, retry });
      const error = await failure(() => job.result());
      holds(error instanceof classes.PythonError, String(error));
      const python = error.python as Record<string, unknown>;
      equal([python.type, python.message], ["RuntimeError", "failed after 1 chunks"]);
      const { state, attempt, maxAttempts } = job.job;
      equal([state, attempt, maxAttempts], ["discarded", 1, 3]);
      equal(job.job.error?.code, "python_exception");
    },
  },
  {
    name: "jobs of a paused queue wait, can be cancelled, and retried",
    run: async ({ den }) => {
      equal((await den.queues.pause("default")).paused, true);
      try {
        const job = await den.jobs.submit(ADD);
        const waiting = await job.done({ timeoutMs: 20 });
        equal([waiting.state, waiting.done], ["available", false]);
        equal(waiting.waitingFor?.reason, "paused");
        equal((await failure(() => den.jobs.result(job.id))).code, "job_unfinished");
        equal((await failure(() => job.result({ timeoutMs: 1 }))).code, "deadline_exceeded");
        const cancelled = await job.cancel({ reason: "no more" });
        equal([cancelled.state, cancelled.cancelReason], ["cancelled", "no more"]);
        equal((await failure(() => job.result())).code, "cancelled");
        equal((await job.retry()).state, "available");
        equal((await den.queues.resume("default")).paused, false);
        equal(await job.result(), 5);
      } finally {
        await den.queues.resume("default");
      }
    },
  },
  {
    name: "a running job is stopped by its cancellation",
    run: async ({ den }) => {
      const job = await den.jobs.submit({ tool: "sleep", args: { seconds: 60 } });
      for await (const event of job) {
        if (event.type === "state" && event.job.state === "running") await job.cancel();
      }
      equal((await job.refresh()).state, "cancelled");
    },
  },
  {
    name: "many jobs are submitted, listed in pages, cancelled and retried by a choice",
    run: async ({ den }) => {
      const tag = newKey();
      const inputs = [1, 2, 3, 4, 5].map((b): JobInput => {
        return { tool: "add", args: { a: 0, b }, tags: [tag], delayMs: 3_600_000 };
      });
      const some = await den.jobs.submitMany(inputs.slice(0, 3));
      const rest = await den.jobs.submitMany(oneByOne(inputs.slice(3)));
      const ids = [...some, ...rest].map(({ id }) => id);
      equal([...some, ...rest].map(({ answer }) => answer), Array(5).fill("created"));
      const first = await den.jobs.list({ tag, state: ["scheduled"] }, { limit: 3 });
      const cursor = first.cursor ?? "";
      const second = await den.jobs.list({ tag, state: ["scheduled"] }, { limit: 3, cursor });
      equal([...first.items, ...second.items].map(({ id }) => id), ids.toReversed());
      equal(second.cursor, undefined);
      equal(await den.jobs.cancelMany({ tag }, { reason: "all" }), { count: 5 });
      equal(await den.jobs.retryMany({ tag, state: "cancelled" }), { count: 5 });
      const jobs = await Promise.all(ids.map((id) => den.jobs.wait(id)));
      equal(
        jobs.map(({ state, result }) => [state, result]),
        [1, 2, 3, 4, 5].map((it) => {
          return ["completed", it];
        }),
      );
      equal(await den.jobs.submitMany([]), []);
    },
  },
  {
    name: "the same idempotency key makes one job, and another body is a conflict",
    run: async ({ den }) => {
      const idempotencyKey = newKey();
      const first = await den.jobs.submit({ ...ADD, idempotencyKey });
      const again = await den.jobs.submit({ ...ADD, idempotencyKey });
      equal([again.id, again.answer], [first.id, "existing"]);
      const other = { tool: "ping", idempotencyKey };
      const error = await failure(() => den.jobs.submit(other));
      equal([error.code, (error.details as { jobId?: string }).jobId], [
        "idempotency_conflict",
        first.id,
      ]);
      const many = await den.jobs.submitMany([{ ...ADD }, other, { ...ADD }]);
      equal(many.map(({ answer }) => answer), ["created", "conflict", "created"]);
      equal(many[1]?.id, first.id);
    },
  },
  {
    name: "the same id makes one job, and another body is a conflict",
    run: async ({ den }) => {
      const id = newKey();
      const first = await den.jobs.submit({ ...ADD, id });
      equal(first.id, id);
      const again = await den.jobs.submit({ ...ADD, id });
      equal([again.id, again.answer], [id, "existing"]);
      equal(await again.result<number>(), 5);
      equal((await den.jobs.submitMany([{ ...ADD, id }]))[0]?.answer, "existing");
      const other = { tool: "ping", id };
      const error = await failure(() => den.jobs.submit(other));
      equal([error.code, (error.details as { jobId?: string }).jobId], [
        "idempotency_conflict",
        id,
      ]);
      const many = await den.jobs.submitMany([{ ...ADD }, other]);
      equal(many.map(({ answer }) => answer), ["created", "conflict"]);
      equal(many[1]?.id, id);
      const wrong = await failure(() => den.jobs.submit({ ...ADD, id: "a/b" }));
      equal(issuePaths(wrong), ["id"]);
    },
  },
  {
    name: "a wrong job is refused with its fields, a batch with those of each job",
    run: async ({ den, classes }) => {
      const wrong = { tool: "add", priority: 99, maxAttempts: 0 };
      const error = await failure(() => den.jobs.submit(wrong));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal(issuePaths(error).sort(), ["maxAttempts", "priority"]);
      const past = { ...ADD, runAt: new Date(0) };
      equal(issuePaths(await failure(() => den.jobs.submit(past))), ["runAt"]);
      equal((await failure(() => den.jobs.submit({ tool: "ad" }))).code, "unknown_tool");
      const batch = await failure(() => den.jobs.submitMany([ADD, wrong, { tool: "ad" }]));
      equal(issuePaths(batch).sort(), ["[1].maxAttempts", "[1].priority", "[2].tool"]);
      equal((batch.details as { submitted?: number }).submitted, 0);
    },
  },
  {
    name: "jobs and queues that do not exist are unknown, whatever their names",
    run: async ({ den }) => {
      for (const id of ["no-such-job", "..", "a/b", ""]) {
        for (const use of ["get", "cancel", "retry", "result", "wait"] as const) {
          equal((await failure(() => den.jobs[use](id))).code, "unknown_job", `${use} ${id}`);
        }
        equal((await failure(() => all(den.jobs.events(id)))).code, "unknown_job");
      }
      for (const name of ["defult", "..", "a/b", ""]) {
        equal((await failure(() => den.queues.get(name))).code, "unknown_queue");
        equal((await failure(() => den.queues.pause(name))).code, "unknown_queue");
      }
      const error = await failure(() => den.jobs.list({ stat: "running" } as never));
      equal(error.code, "invalid_input");
      equal((await failure(() => den.jobs.cancelMany({}))).code, "invalid_input");
      equal(
        (await failure(() => den.queues.update("default", { concurrency: 0 }))).code,
        "invalid_input",
      );
    },
  },
  {
    name: "queues are listed with their counts, and changed",
    run: async ({ den }) => {
      const job = await den.jobs.submit(ADD);
      await job.done();
      const queue = await den.queues.get("default");
      holds(queue.counts.completed > 0, "completed jobs");
      equal((await den.queues.list()).map(({ name }) => name), ["default"]);
      equal((await den.queues.update("default", { concurrency: 7 })).concurrency, 7);
      equal((await den.queues.update("default", { concurrency: null })).concurrency, undefined);
    },
  },
];
