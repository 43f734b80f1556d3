import { oneOf, whole } from "../../schema_parts.ts";

/** The keys of a pool that choose how its workers run calls. */
export const profileKeys = {
  profile: oneOf(["process", "async"], {
    description: "Kind of worker: `process` is one process that runs one call at a time; `async` " +
      "runs many calls at a time on one event loop, and its tools are `async def`.",
  }).default("process"),
  concurrencyPerWorker: whole(1, 10_000, {
    description: "Calls that a worker runs at a time. Only with the profile `async`.",
    defaultText: "100",
  }).optional(),
  blockedLoopMs: whole(10, 60_000, {
    description: "Time for which a tool may hold up the event loop of its worker before it is " +
      "named in the log, with its stack. Only with the profile `async`.",
    defaultText: "100",
  }).optional(),
};
