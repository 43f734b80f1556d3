import { oneOf, whole } from "../schema_parts.ts";

/** The keys of a pool that choose how its workers run calls. */
export const profileKeys = {
  profile: oneOf(["process", "thread"], {
    description:
      "Kind of worker: `process` is one process that runs one call at a time; `thread` " +
      "runs several calls at a time, each on a thread of its own.",
  }).default("process"),
  threadsPerWorker: whole(1, 256, {
    description: "Calls that a worker runs at a time, each on a thread. Only with the profile " +
      "`thread`.",
    defaultText: "10",
  }).optional(),
};
