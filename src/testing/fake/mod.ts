/**
 * A den for unit tests: {@link fakeDen} answers calls from functions in memory, without Python and
 * without a host. It needs no Deno, so that tests in Node can use it too.
 *
 * - fake_den.ts: what a test gets. fake_calls.ts: the record of its calls.
 * - fake_run.ts: one call, from its arguments to its result.
 * - fake_jobs.ts, fake_job.ts, fake_queues.ts: jobs, which run at once.
 * - travel.ts: values as they are after their way to Python or back.
 *
 * @module
 */
export type { FakeCall, FakeCallState } from "./fake_calls.ts";
export { type FakeCallContext, type FakeTool, type FakeTools } from "./fake_tool.ts";
export type { FakeJobs } from "./fake_jobs.ts";
export type { FakeQueues } from "./fake_queues.ts";
export { FakeDen, fakeDen, type FakeOptions } from "./fake_den.ts";
