import type { Config } from "../../config/mod.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { DEFAULT_QUEUE } from "../../jobs/mod.ts";
import { HOST_ENV } from "../../process/mod.ts";
import { type JobStore, memoryJobs } from "../../store/mod.ts";
import type { OpenedStore } from "./open_store.ts";

/** A store of jobs that this host has opened. */
export type OpenedJobStore = JobStore & AsyncDisposable;

/**
 * Opens the store of jobs of the data directory, whose lock this host must have. Returns the reason
 * why there is none if another host has it, or it cannot be opened.
 */
export async function openJobStore(
  { jobs: { maxChunks, maxChunkBytes, queues } }: Pick<Config, "dataDir" | "jobs">,
  { problem }: Pick<OpenedStore, "problem">,
): Promise<OpenedJobStore | SnakedenError> {
  if (problem !== undefined) return unavailable(problem);
  const store = memoryJobs({ limits: { maxChunks, maxChunkBytes } });
  await store.declareQueues([{ name: DEFAULT_QUEUE }, ...queues.map(queueOf)]);
  return store;
}

/** Returns the reason why there are no jobs, for those who ask for them. */
function unavailable(problem: Error): SnakedenError {
  const facts = problem instanceof SnakedenError ? problem.details : {};
  const { owner } = facts;
  if (isRecord(owner)) {
    return new SnakedenError(
      "store_unavailable",
      `Cannot use jobs here: the host with process id ${owner.pid} (run ${owner.runId}) has the ` +
        "data directory; set SNAKEDEN_URL to its address and use a SnakedenClient, or choose " +
        `another data directory with dataDir or ${HOST_ENV.dataDir}`,
      { retryable: true, details: { pid: owner.pid, runId: owner.runId } },
    );
  }
  return new SnakedenError(
    "store_unavailable",
    `Cannot use jobs here, since they cannot be kept: ${messageOf(problem)}`,
    { retryable: true, cause: problem },
  );
}

function queueOf(
  { name, concurrency, rateLimit }: Config["jobs"]["queues"][number],
): Parameters<JobStore["declareQueues"]>[0][number] {
  return {
    name,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rateLimit === undefined ? {} : { rate: rateLimit }),
  };
}
