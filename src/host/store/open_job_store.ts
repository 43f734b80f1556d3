import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../../config/mod.ts";
import { listAside } from "../../database_file.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { isRecord } from "../../json/mod.ts";
import { DEFAULT_QUEUE } from "../../jobs/mod.ts";
import { CLIENT_ENV, HOST_ENV } from "../../process/mod.ts";
import { openSqliteJobs, type SqliteJobs } from "../../sqlite/mod.ts";
import type { JobStore } from "../../store/mod.ts";
import type { OpenedStore } from "./open_store.ts";

/** The database of the jobs in a data directory. */
const PATH = join("store", "jobs.sqlite");

/** Options of {@link openJobStore}. */
export interface JobStoreOptions extends Pick<OpenedStore, "problem"> {
  readonly required: boolean;
}

/**
 * Opens the store of jobs of the data directory, whose lock this host must have. Returns the reason
 * why there is none if another host has it, or it cannot be opened and is not `required`.
 *
 * @throws {SnakedenError} `startup_failed` when it is `required` and cannot be opened.
 */
export async function openJobStore(
  { dataDir, jobs: { maxChunks, maxChunkBytes, maxLogBytes, queues } }: Pick<
    Config,
    "dataDir" | "jobs"
  >,
  { problem, required }: JobStoreOptions,
): Promise<SqliteJobs | SnakedenError> {
  if (problem !== undefined) return unavailable(problem);
  const path = join(dataDir, PATH);
  try {
    await using opening = new AsyncDisposableStack();
    const limits = { maxChunks, maxChunkBytes, maxLogBytes };
    const store = opening.use(await openSqliteJobs({ path, limits }));
    await store.declareQueues([{ name: DEFAULT_QUEUE }, ...queues.map(queueOf)]);
    opening.move();
    return store;
  } catch (error) {
    if (required || !(error instanceof SnakedenError)) throw error;
    getLogger("store").warn("jobs cannot be used: {problem}", { problem: error.message });
    return unavailable(error);
  }
}

/**
 * Returns true if a database of jobs was moved aside, and is still there. Somebody may repair it,
 * so the blobs that only it names must stay.
 */
export function hasJobsAside({ dataDir }: Pick<Config, "dataDir">): boolean {
  const path = join(dataDir, PATH);
  return existsSync(dirname(path)) && listAside(path).length > 0;
}

/** Returns the error with which every use of jobs fails. */
function unavailable(problem: Error): SnakedenError {
  const facts = problem instanceof SnakedenError ? problem.details : {};
  const { owner } = facts;
  if (isRecord(owner)) {
    return new SnakedenError(
      "store_unavailable",
      `Cannot use jobs and files here: the host with process id ${owner.pid} (run ${owner.runId}) ` +
        `has the data directory; set ${CLIENT_ENV.url} to its address and use a SnakedenClient, or choose ` +
        `another data directory with dataDir or ${HOST_ENV.dataDir}`,
      { retryable: true, details: { pid: owner.pid, runId: owner.runId } },
    );
  }
  return new SnakedenError(
    "store_unavailable",
    `Cannot use jobs and files here, since they cannot be stored: ${messageOf(problem)}`,
    { retryable: true, cause: problem },
  );
}

function queueOf(
  { name, concurrency, rateLimit, fairBy }: Config["jobs"]["queues"][number],
): Parameters<JobStore["declareQueues"]>[0][number] {
  return {
    name,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rateLimit === undefined ? {} : { rate: rateLimit }),
    ...(fairBy === undefined ? {} : { fairBy }),
  };
}
