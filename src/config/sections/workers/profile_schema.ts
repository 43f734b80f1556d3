import { WORKER_ENV } from "../../../process/mod.ts";
import { oneOf, whole } from "../../schema_parts.ts";

/** The keys of a pool that choose how its workers run calls. */
export const profileKeys = {
  profile: oneOf(["process", "thread", "async"], {
    description: "Kind of worker: `process` is one process that runs one call at a time; " +
      "`thread` runs several calls at a time, each on a thread of its own; `async` runs many " +
      "calls at a time on one event loop, and its tools are `async def`.",
  }).default("process"),
  threadsPerWorker: whole(1, 256, {
    description: "Calls that a worker runs at a time, each on a thread. Only with the profile " +
      "`thread`.",
    defaultText: "10",
  }).optional(),
  concurrencyPerWorker: whole(1, 10_000, {
    description: "Calls that a worker runs at a time. Only with the profile `async`.",
    defaultText: "100",
  }).optional(),
  blockedLoopMs: whole(10, 60_000, {
    description: "Time for which a tool may hold up the event loop of its worker before it is " +
      "named in the log, with its stack. Only with the profile `async`.",
    defaultText: "100",
  }).optional(),
  threadChecks: oneOf(["off", "warn", "error"], {
    description:
      "Checks that find overlapping calls of what is marked `@not_thread_safe`: `warn` " +
      "logs them, `error` fails the second call. Only with the profile `thread`.",
    env: WORKER_ENV.threadChecks,
    defaultText: "`off`",
  }).optional(),
};
